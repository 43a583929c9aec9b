"""Files of objects are GeoParquet that others read, the same bytes of the same rows, and damage is seen."""

from __future__ import annotations

import io
import json

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest

from sgddiff_batch.io.objects.geoparquet import ROWS_TOGETHER, SCHEMA, DamagedFileError, ObjectFile, decode
from sgddiff_batch.io.objects.parts import make_part
from tests.io.objects.examples import EXACT, SQUARE, stored


@pytest.fixture
def part(tmp_path):
    mosaic = stored(tmp_path, SQUARE)
    return make_part(mosaic, EXACT)


def test_geopandas_reads_both_geometries_each_with_its_crs(part):
    frame = geopandas.read_parquet(io.BytesIO(part))
    assert frame.crs == "OGC:CRS84"
    assert frame["geometry_native"].crs.to_epsg() == 32633
    assert frame["geometry_native"].area.tolist() == frame["area_m2"].tolist() == [150_000]


def test_a_reader_that_asks_for_a_box_gets_what_lies_there(part):
    west, south, east, north = geopandas.read_parquet(io.BytesIO(part)).total_bounds
    here = geopandas.read_parquet(io.BytesIO(part), bbox=(west, south, east, north))
    elsewhere = geopandas.read_parquet(io.BytesIO(part), bbox=(east + 1, south, east + 2, north))
    assert (len(here), len(elsewhere)) == (1, 0)


def test_the_metadata_is_that_of_geoparquet_1_1(part):
    geo = json.loads(pq.read_schema(io.BytesIO(part)).metadata[b"geo"])
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    assert geo["columns"]["geometry"]["covering"]["bbox"]["ymax"] == ["bbox", "ymax"]
    assert geo["columns"]["geometry_native"]["crs"]["id"] == {"authority": "EPSG", "code": 32633}


def test_many_rows_are_row_groups_whose_boxes_readers_may_skip_by_and_keep_their_order(part):
    table, _ = decode(part)
    file = ObjectFile(None, several=True)
    names = np.arange(2 * ROWS_TOGETHER + 5)
    for some in np.array_split(names, 7):
        rows = table.take([0] * len(some))
        file.add(rows.set_column(SCHEMA.get_field_index("row"), SCHEMA.field("row"), [some]))
    data = file.finish({})
    metadata = pq.read_metadata(io.BytesIO(data))
    assert [metadata.row_group(n).num_rows for n in range(3)] == [ROWS_TOGETHER, ROWS_TOGETHER, 5]
    paths = {metadata.row_group(0).column(n).path_in_schema: n for n in range(metadata.num_columns)}
    assert metadata.row_group(0).column(paths["bbox.xmin"]).statistics.has_min_max
    assert decode(data)[0]["row"].to_pylist() == names.tolist()


def test_an_empty_file_has_all_columns():
    table, about = decode(ObjectFile(None).finish({"a": 1}))
    assert (table.num_rows, table.schema.names, about) == (0, SCHEMA.names, {"a": 1})


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_torn_file_is_told(part, share):
    with pytest.raises(DamagedFileError, match="no whole file"):
        decode(part[: int(len(part) * share)])


def test_a_flipped_bit_of_a_page_is_told(part):
    column = pq.read_metadata(io.BytesIO(part)).row_group(0).column(SCHEMA.get_field_index("id"))
    damaged = bytearray(part)
    damaged[column.file_offset or column.data_page_offset + column.total_compressed_size - 1] ^= 1
    with pytest.raises(DamagedFileError):
        decode(bytes(damaged))


def test_parquet_of_somebody_else_is_told(part):
    other = io.BytesIO()
    pq.write_table(decode(part)[0].drop_columns("crs"), other)
    with pytest.raises(DamagedFileError, match="other columns"):
        decode(other.getvalue())
