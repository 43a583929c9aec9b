"""A Collection says what its rows are together, and is valid."""

from __future__ import annotations

import pytest

from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue.collection import NEEDED, collection_of, with_file
from sgddiff_batch.io.catalogue.rows import table_of
from tests.io.catalogue.test_rows import row_of
from tests.io.mosaic_examples import GRIDS
from tests.kit.stac_schemas import check


def collection(*rows, pages=()):
    found = collection_of(table_of(rows).select(NEEDED), "s3://out", pages)
    check(found)
    return found


def test_a_collection_without_rows_is_valid_and_as_large_as_the_globe():
    extent = collection()["extent"]
    assert extent == {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [[None, None]]},
    }


def test_its_extent_is_that_of_the_rows_with_a_place_and_of_the_times_that_are_known():
    rows = [row_of(time=TimeSpan(60.0, 60.0)), row_of(GRIDS["no crs"], time=TimeSpan(0.0, 90.5)), row_of()]
    extent = collection(*rows)["extent"]
    assert extent["temporal"]["interval"] == [["1970-01-01T00:00:00Z", "1970-01-01T00:01:30.500000Z"]]
    (box,) = extent["spatial"]["bbox"]
    assert box == pytest.approx((15.0, 45.1448, 15.02545, 45.15384), abs=1e-3)


def test_scenes_across_the_antimeridian_make_no_collection_round_the_globe():
    (box,) = collection(row_of(GRIDS["dateline"]))["extent"]["spatial"]["bbox"]
    west, _, east, _ = box
    assert (west, east) == pytest.approx((170, -170), abs=0.1)


def test_its_pages_are_children_and_its_rows_an_asset_with_size_and_checksum():
    found = collection(row_of(), pages=["_stac/pages/x.json"])
    assert [link["href"] for link in found["links"] if link["rel"] == "child"] == ["./_stac/pages/x.json"]
    told = with_file(found, 17, "ab" * 32)
    check(told)
    asset = told["assets"]["catalogue"]
    assert (asset["href"], asset["file:size"]) == ("./catalogue.parquet", 17)
    assert asset["file:checksum"] == "1220" + "ab" * 32


def test_the_schemas_refuse_a_collection_that_is_wrong():
    wrong = with_file(collection(), -1, "xyz")
    with pytest.raises(AssertionError, match="file"):
        check(wrong)
    with pytest.raises(AssertionError, match="extent"):
        check(collection() | {"extent": {}})
