"""The paths of stores: built and taken apart again, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.scene import escape_scene_id
from sgddiff_batch.core.store_names import (
    id_of,
    is_made_here,
    is_store_path,
    leads_below,
    replacement_of,
    store_path,
)

IDS = st.text(max_size=40).map(escape_scene_id)
KEY = "0123456789abcdef"
HEX = st.text("0123456789abcdef", min_size=1, max_size=16)


def made(mosaic_id: str, version: str, key: str, replacements: int) -> str:
    path = store_path(mosaic_id, version.zfill(16), key[:12].zfill(12))
    for _ in range(replacements):
        path = replacement_of(path)
    return path


@given(IDS, HEX, HEX, st.integers(0, 12))
def test_the_id_is_found_again_in_every_path_that_is_made(mosaic_id, version, key, replacements):
    path = made(mosaic_id, version, key, replacements)
    assert id_of(path) == mosaic_id
    assert is_store_path(path)
    assert leads_below(mosaic_id)
    assert is_made_here(path)


@given(IDS, HEX, HEX)
def test_no_two_replacements_share_a_path(mosaic_id, version, key):
    assert len({made(mosaic_id, version, key, n) for n in range(12)}) == 12


def test_a_path_is_id_version_and_key():
    path = store_path("north/a.tif", "0123456789abcdef", "0123456789ab")
    assert path == "north/a.tif/0123456789abcdef-0123456789ab.zarr"
    assert replacement_of(path) == "north/a.tif/0123456789abcdef-0123456789ab.r1.zarr"
    assert replacement_of(replacement_of(path)) == "north/a.tif/0123456789abcdef-0123456789ab.r2.zarr"


@pytest.mark.parametrize(
    "path",
    ["", ".zarr/..", "../a.zarr", "a//b.zarr", "/a.zarr", "./a.zarr", "a.tif", "a.zarr/", "..\\a.zarr"],
)
def test_what_leads_out_of_an_output_or_is_no_store_is_no_path_of_one(path):
    assert not is_store_path(path)


@pytest.mark.parametrize(
    "name",
    ["v1-key.zarr", f"{KEY}-{KEY[:12]}", f"{KEY.upper()}-{KEY[:12]}.zarr", f"{KEY}-{KEY[:12]}.r.zarr"],
)
def test_a_store_of_somebody_else_is_told_by_its_name(name):
    assert not is_made_here(f"a.tif/{name}")
