"""An Item says what its row says, is valid, and is named by its store and by what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.hrefs import href_of
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue.items import ITEMS, item_of, stamp
from sgddiff_batch.io.catalogue.rows import QUARANTINED, Current, table_of
from tests.io.catalogue.test_rows import RECORD, row_of
from tests.io.catalogue_examples import record_of
from tests.io.mosaic_examples import GRIDS
from tests.kit.stac_schemas import check


def item(row):
    """Return an Item's path and document, by way of the columns."""
    path, data = item_of(table_of([row]).to_pylist()[0], "s3://out")
    return path, json.loads(data)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("time", [None, TimeSpan(1.5, 1.5), TimeSpan(0.0, 60.0)])
def test_an_item_of_every_kind_of_grid_and_time_is_valid(name, time):
    _, document = item(row_of(GRIDS[name], time=time))
    check(document)
    assert document["properties"]["sgddiff:time_known"] is (time is not None)
    assert (document["geometry"] is None) is ("bbox" not in document) is (GRIDS[name].crs_wkt is None)


def test_a_scene_across_the_antimeridian_is_two_polygons_in_a_box_whose_west_is_east_of_its_east():
    _, document = item(row_of(GRIDS["dateline"]))
    assert document["geometry"]["type"] == "MultiPolygon"
    west, _, east, _ = document["bbox"]
    assert west > east


def test_an_item_of_a_scene_in_quarantine_says_so_beside_the_one_of_before():
    path, document = item(row_of(current=Current(RECORD, str(RECORD.store), QUARANTINED, "it is torn")))
    check(document)
    assert (document["properties"]["state"], document["properties"]["reason"]) == (
        "quarantined",
        "it is torn",
    )
    before, _ = item(row_of())
    stem = f"{ITEMS}/{RECORD.store.removesuffix('.zarr')}."
    assert path != before
    assert path.startswith(stem)
    assert before.startswith(stem)


def test_who_listed_a_scene_changes_nothing_of_its_item():
    north, south = (item_of(row_of() | {"archive": name}, "s3://out") for name in ("/north", "/south"))
    assert north == south


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@given(st.lists(NAMES, min_size=1, max_size=3).map("/".join))
def test_all_references_of_an_item_lead_from_where_it_lies(scene_id):
    record = record_of(scene_id)
    path, document = item(row_of(current=Current(record, str(record.store))))
    check(document)
    root = "https://host/a%20b/"
    here = urljoin(root, href_of(path))
    assert (
        unquote(urljoin(here, document["assets"]["saliency"]["href"])) == f"https://host/a b/{record.store}"
    )
    led = {link["rel"]: unquote(urljoin(here, link["href"])) for link in document["links"]}
    assert led == {
        "root": "https://host/a b/collection.json",
        "parent": "https://host/a b/collection.json",
        "collection": "https://host/a b/collection.json",
        "store": f"https://host/a b/{record.store}",
        "derived_from": "s3://archive/a.tif",
    }


def test_what_viewers_need_to_draw_a_mosaic_is_said_to_the_letter():
    _, document = item(row_of())
    asset = document["assets"]["saliency"]
    assert asset["type"] == "application/vnd.zarr; version=3; profile=multiscales"
    assert (asset["zarr:node_type"], asset["zarr:zarr_format"], asset["zarr:consolidated"]) == (
        "group",
        3,
        True,
    )
    (band,) = asset["bands"]
    assert (band["nodata"], band["raster:scale"], band["raster:offset"]) == (255, 1 / 254, 0)
    codes, values = (document["properties"]["renders"][name] for name in ("codes", "probability"))
    assert (codes["bands"], codes["rescale"], values["rescale"]) == (["saliency"], [[0, 254]], [[0, 1]])
    assert "colormap_name" not in codes


def test_a_record_without_a_time_gives_an_item_that_is_valid():
    _, document = item(row_of(current=Current(replace(RECORD, finished_at="?"), str(RECORD.store))))
    check(document)
    assert document["properties"]["datetime"] is None


def test_a_time_is_told_in_utc():
    assert stamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
