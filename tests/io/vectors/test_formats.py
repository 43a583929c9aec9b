"""Formats write names of any kind, and numbers that are not there, as their readers expect them."""

from __future__ import annotations

import json

import geopandas
import pyarrow as pa
import pytest
import shapely

from sgddiff_batch.io.vectors.formats import Rows, write_by_gdal, write_geojson

SCHEMA = pa.schema([("id", pa.string()), ("area_m2", pa.float64()), ("geometry", pa.binary())])
NAMES = ['a\n"b"\\', "ä</script>", "\u2028"]


def rows(*sizes):
    shape = shapely.to_wkb(shapely.box(14.123456789, 50, 14.2, 50.1))
    parts = [
        pa.table({"id": NAMES[:n], "area_m2": [None] * n, "geometry": [shape] * n}, schema=SCHEMA)
        for n in sizes
    ]
    return Rows(SCHEMA, iter(parts))


def test_names_of_any_kind_come_back_from_geojson_over_several_parts(tmp_path):
    some = rows(3, 0, 2)
    write_geojson(some, tmp_path / "o.geojson")
    features = json.loads((tmp_path / "o.geojson").read_text())["features"]
    assert [one["properties"]["id"] for one in features] == [*NAMES, *NAMES[:2]]
    assert features[0]["properties"]["area_m2"] is None
    assert min(x for x, _ in features[0]["geometry"]["coordinates"][0]) == 14.1234568
    assert some.count == 5


@pytest.mark.parametrize(("driver", "suffix"), [("FlatGeobuf", ".fgb"), ("GPKG", ".gpkg")])
def test_names_of_any_kind_come_back_from_gdal(tmp_path, driver, suffix):
    write_by_gdal(driver, suffix)(rows(3, 2), tmp_path / f"made{suffix}")
    assert sorted(geopandas.read_file(tmp_path / f"made{suffix}")["id"]) == sorted([*NAMES, *NAMES[:2]])
