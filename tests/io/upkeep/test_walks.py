"""A walk finds every store of an output, and none of another's."""

from __future__ import annotations

import pytest

from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.walks import OUTPUTS_OWN, walk_stores


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "out"))


def put(store, *names):
    for name in names:
        store.write(f"{name}/zarr.json", b"{}")


def test_an_output_that_is_not_there_has_no_stores(store):
    assert list(walk_stores(store)) == []


def test_all_stores_at_any_depth_are_found_once(store):
    names = [
        "a.tif/v1.zarr",
        "a.tif/v2.zarr",
        "a.tif/b.tif/v1.zarr",
        "north/deep/er/c.tif/v.zarr",
        "top.zarr",
    ]
    put(store, *names)
    assert sorted(walk_stores(store)) == sorted(names)


def test_what_lies_within_a_store_is_a_part_of_it(store):
    put(store, "a.tif/v1.zarr", "a.tif/v1.zarr/inner.zarr")
    assert list(walk_stores(store)) == ["a.tif/v1.zarr"]


def test_a_file_that_is_named_as_a_store_is_none(store):
    store.write("a.tif/v1.zarr", b"a file")
    assert list(walk_stores(store)) == []


def test_the_output_s_own_folders_have_no_mosaics(store):
    put(store, "_ledger/blocks/a.tif/v1.zarr", "_catalogue/x.zarr", "_mine/a.zarr", "a.tif/_x/v.zarr")
    assert list(walk_stores(store)) == ["a.tif/_x/v.zarr"]


@pytest.mark.parametrize("own", sorted(OUTPUTS_OWN))
def test_an_output_in_a_folder_of_another_keeps_its_stores_to_itself(store, own):
    put(store, "a.tif/v.zarr", "areas/north/2026-01/x1y1/v.zarr", f"areas/north/{own}/x.zarr")
    store.write(f"{own}/object", b"of the outer one")
    assert list(walk_stores(store)) == ["a.tif/v.zarr"]


def test_links_are_not_followed(store, tmp_path):
    put(store, "a.tif/v.zarr")
    elsewhere = open_store(str(tmp_path / "elsewhere"))
    put(elsewhere, "b.tif/v.zarr")
    (tmp_path / "out" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out" / "a.tif" / "linked.zarr").symlink_to(tmp_path / "elsewhere" / "b.tif" / "v.zarr")
    assert list(walk_stores(store)) == ["a.tif/v.zarr"]
