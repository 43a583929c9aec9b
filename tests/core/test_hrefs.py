"""References lead from a document to what they name, whatever the names are made of."""

from __future__ import annotations

from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.hrefs import href_from, href_of, scene_href

PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1).filter(
    lambda part: part not in (".", "..")
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
ROOT = "https://host/out/"


@given(PATHS)
def test_a_reference_from_the_root_leads_to_its_object(path):
    href = href_of(path)
    assert href.isascii()
    assert unquote(urljoin(f"{ROOT}collection.json", href)) == f"{ROOT}{path}"


@given(PATHS, PATHS)
def test_a_reference_leads_to_the_same_object_from_any_document(document, path):
    here = urljoin(ROOT, href_of(document))
    assert unquote(urljoin(here, href_from(document, href_of(path)))) == f"{ROOT}{path}"


@given(PATHS, PATHS)
def test_a_scene_on_the_output_s_machine_is_reached_from_the_output(scene, output):
    href = scene_href(f"/{scene}", f"/{output}")
    assert unquote(urljoin(f"file:///{_encoded(output)}/collection.json", href)) == f"file:///{scene}"
    assert "://" not in href


def _encoded(path: str) -> str:
    return href_of(path).removeprefix("./")


def test_names_that_look_like_something_else_are_taken_for_names():
    assert href_of("C:/x y%20.tif") == "./C%3A/x%20y%2520.tif"
    assert href_of("süd#1?.zarr") == "./s%C3%BCd%231%3F.zarr"


@pytest.mark.parametrize(
    ("uri", "output", "wanted"),
    [
        ("s3://archive/a b/ü#1.tif", "s3://out", "s3://archive/a%20b/%C3%BC%231.tif"),
        ("https://host/a%20b.tif?x=1 2", "s3://out", "https://host/a%20b.tif?x=1%202"),
        ("/data/a b.tif", "s3://out/x", "file:///data/a%20b.tif"),
        ("/data/scenes/a.tif", "/data/out", "../scenes/a.tif"),
        ("/data/out/a.tif", "/data/out", "./a.tif"),
        ("/data", "/data/out", "../../data"),
        ("scenes/a.tif", "s3://out", "./scenes/a.tif"),
    ],
)
def test_a_scene_is_named_by_its_uri_or_from_the_output(uri, output, wanted):
    assert scene_href(uri, output) == wanted


def test_what_counts_from_nowhere_stays():
    assert href_from("_stac/items/a.json", "s3://archive/a.tif") == "s3://archive/a.tif"
    assert href_from("_stac/items/a.json", "../scenes/a.tif") == "../../../scenes/a.tif"
    assert href_from("collection.json", "./a.tif") == "./a.tif"
