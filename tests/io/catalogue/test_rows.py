"""A mosaic's row says what its record and its root say, in columns that never change."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.catalogue.rows import (
    QUARANTINED,
    SCHEMA,
    Current,
    Encoded,
    decode,
    encode,
    instant,
    row,
    table_of,
    times_of,
)
from sgddiff_batch.io.catalogue.shown import shown_of
from sgddiff_batch.io.geodesy import FootprintMaker
from sgddiff_batch.io.mosaics import root_attributes
from tests.io.catalogue_examples import GRID, record_of
from tests.io.mosaic_examples import GRIDS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RECORD = record_of("a.tif")
FOOTPRINTS = FootprintMaker()


def row_of(grid: Grid = GRID, current: Current | None = None, time: TimeSpan | None = None, **provenance):
    facts = {"source_uri": "s3://archive/a.tif", "pixel_settings": {"model": {"digest": "d" * 64}}}
    root = root_attributes(grid, 1, facts | provenance)
    current = current or Current(RECORD, str(RECORD.store))
    return row(current, "s3://out", shown_of(root, FOOTPRINTS), time)


def test_a_row_has_just_the_columns_of_the_schema():
    assert sorted(row_of()) == sorted(SCHEMA.names)
    assert table_of([row_of()]).schema == SCHEMA


def test_a_row_says_what_the_record_and_the_root_say():
    found = row_of()
    assert (found["id"], found["store"], found["state"], found["reason"]) == (
        "a.tif",
        RECORD.store,
        "done",
        None,
    )
    assert found["assets"]["saliency"]["href"] == f"s3://out/{RECORD.store}"
    assert (found["proj:code"], found["proj:wkt2"]) == ("EPSG:32633", None)
    assert found["proj:shape"] == [100, 200]
    assert found["proj:transform"] == list(GRID.transform.coefficients)
    assert found["model_digest"] == "d" * 64
    assert found["salient_share"] == 0.01
    # 100 of 20,000 pixels of 10 m, of which the map makes 0.04 % less at its middle.
    assert found["salient_km2"] == pytest.approx(100 * 100e-6, rel=2e-3)
    west, south, east, north = shapely.from_wkb(found["geometry"]).bounds
    assert found["bbox"] == {"xmin": west, "ymin": south, "xmax": east, "ymax": north}


def test_a_scene_in_quarantine_shows_its_earlier_mosaic_and_why():
    found = row_of(current=Current(RECORD, str(RECORD.store), QUARANTINED, "it is torn"))
    assert (found["state"], found["reason"], found["store"]) == ("quarantined", "it is torn", RECORD.store)


@pytest.mark.parametrize("name", ["no crs", "transform without crs"])
def test_what_has_no_place_on_the_globe_has_no_geometry_and_no_area(name):
    found = row_of(GRIDS[name])
    assert (found["geometry"], found["bbox"], found["salient_km2"]) == (None, None, None)
    assert table_of([found]).num_rows == 1


def test_a_mosaic_without_data_has_no_share():
    empty = record_of("a.tif", valid_px=0, salient_px=0)
    found = row_of(current=Current(empty, str(empty.store)))
    assert (found["salient_share"], found["salient_km2"]) == (None, 0.0)


def test_secrets_of_a_source_are_taken_out_and_a_mosaic_without_one_has_no_link():
    found = row_of(source_uri="https://user:secret@host/a.tif?sig=secret")
    assert "secret" not in str(found)
    assert found["links"][0]["rel"] == "derived_from"
    without = row_of(source_uri="")
    assert (without["links"], without["scene_uri"]) == ([], None)


@pytest.mark.parametrize("root", [{}, {"multiscales": {"layout": []}}, {"multiscales": {"layout": [{}]}}])
def test_what_is_no_root_gives_no_row(root):
    with pytest.raises((KeyError, ValueError, TypeError, IndexError)):
        shown_of(root, FOOTPRINTS)


def test_an_instant_is_an_instant_and_a_span_a_span():
    seconds = NOON.timestamp()
    assert times_of(TimeSpan(seconds, seconds), None) == [NOON, None, None]
    later = datetime(2026, 1, 1, 13, tzinfo=UTC)
    assert times_of(TimeSpan(seconds, seconds + 3600), None) == [None, NOON, later]


@pytest.mark.parametrize(
    "span", [None, TimeSpan(-math.inf, 0.0), TimeSpan(0.0, math.inf), TimeSpan(0.0, 1e18)]
)
def test_a_time_that_is_not_known_is_the_widest_true_span(span):
    first = datetime(1858, 1, 1, tzinfo=UTC)
    assert times_of(span, NOON) == [None, first, NOON]
    assert times_of(span, None) == [None, first, datetime(2200, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-01-01T12:00:00", NOON),
        ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01T14:00:00+02:00", NOON),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_text_is_an_instant_in_utc_or_none(text, wanted):
    assert instant(text) == wanted


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=5))
def test_what_is_written_is_read_again(ids):
    table = table_of([row_of() | {"id": one} for one in ids])
    data = encode(table)
    assert decode(data, "it", bytes_digest(data)).equals(table)
    assert decode(data, "it", bytes_digest(data), ["id"]).to_pydict() == {"id": ids}


def test_a_table_without_rows_has_all_columns_and_says_which_standard_it_follows():
    data = encode(table_of([]))
    schema = pq.read_schema(pa.BufferReader(data))
    assert schema.names == SCHEMA.names
    assert {b"geo", b"stac-geoparquet"} <= schema.metadata.keys()


def test_what_is_not_what_was_published_is_damaged():
    data = encode(table_of([row_of()]))
    with pytest.raises(FatalError, match=r"it is damaged: .*sgddiff catalogue rollback"):
        decode(data + b"x", "it", bytes_digest(data))


def test_what_lacks_a_column_or_is_no_table_is_no_catalogue_of_this_version():
    for data in (_without_store(), b"PAR1"):
        with pytest.raises(FatalError, match="it is no catalogue of this version"):
            decode(data, "it", bytes_digest(data))


def test_the_columns_that_are_there_can_be_had_of_a_file_that_lacks_another():
    data = _without_store()
    assert decode(data, "it", bytes_digest(data), ["id", "archive"]).num_rows == 0
    assert Encoded(data).table(["id"]).schema.names == ["id"]


def _without_store() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table_of([]).drop_columns(["store"]), sink)
    return sink.getvalue().to_pybytes()


_READS = """
import os, sys
from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.io.catalogue.rows import decode, encode, table_of
data = encode(table_of([]))
before = len(os.listdir("/proc/self/task"))
decode(data, "it", bytes_digest(data))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux's /proc")
def test_reading_starts_no_thread_that_could_end_the_process_when_it_exits():
    done = subprocess.run([sys.executable, "-c", _READS], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
