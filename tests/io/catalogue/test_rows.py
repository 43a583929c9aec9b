"""A mosaic's row says what its record and its root say, in columns that never change."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue.rows import QUARANTINED, Current, TakenTimes, instant, row, table_of, times_of
from sgddiff_batch.io.catalogue.schema import ITEM, LEAN, TIME_KNOWN, TIMES
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
    return row(current, shown_of(root, FOOTPRINTS), time)


def test_a_row_has_just_the_columns_of_the_schema():
    assert sorted(row_of()) == sorted(LEAN.names)
    assert table_of([row_of()]).schema == LEAN


def test_a_row_says_what_the_record_and_the_root_say():
    found = row_of()
    assert (found["id"], found["store"], found["state"], found["reason"]) == (
        "a.tif",
        RECORD.store,
        "done",
        None,
    )
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


def test_secrets_of_a_source_are_taken_out_and_a_mosaic_without_one_says_so():
    found = row_of(source_uri="https://user:secret@host/a.tif?sig=secret")
    assert "secret" not in str(found)
    assert found["scene_uri"] == "https://host/a.tif"
    assert row_of(source_uri="")["scene_uri"] is None


@pytest.mark.parametrize("root", [{}, {"multiscales": {"layout": []}}, {"multiscales": {"layout": [{}]}}])
def test_what_is_no_root_gives_no_row(root):
    with pytest.raises((KeyError, ValueError, TypeError, IndexError)):
        shown_of(root, FOOTPRINTS)


def test_an_instant_is_start_and_end_too_and_a_span_a_span():
    seconds = NOON.timestamp()
    assert times_of(TimeSpan(seconds, seconds), None) == [True, NOON, NOON, NOON]
    later = datetime(2026, 1, 1, 13, tzinfo=UTC)
    assert times_of(TimeSpan(seconds, seconds + 3600), None) == [True, None, NOON, later]


@pytest.mark.parametrize(
    "span", [None, TimeSpan(-math.inf, 0.0), TimeSpan(0.0, math.inf), TimeSpan(0.0, 1e18)]
)
def test_a_time_that_is_not_known_is_the_mosaic_s_own_or_the_widest_true_span(span):
    first = datetime(1858, 1, 1, tzinfo=UTC)
    assert times_of(span, NOON) == [False, NOON, NOON, NOON]
    assert times_of(span, None) == [False, None, first, datetime(2200, 1, 1, tzinfo=UTC)]


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


SECONDS = st.one_of(st.integers(0, 3), st.floats(0.0, 4e9), st.sampled_from([math.inf, -math.inf, 1e20]))
SPANS = st.builds(lambda ends: TimeSpan(*sorted(ends)), st.tuples(SECONDS, SECONDS))


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.none() | SPANS, min_size=1),
    st.dictionaries(st.sampled_from("abcdefgh"), SPANS),
)
def test_times_are_laid_on_as_rows_made_anew_would_have_them_and_then_all_hold(said, known):
    one = row_of()
    before = table_of(
        one | dict(zip((TIME_KNOWN, *TIMES), times_of(span, NOON), strict=True)) | {"id": name, ITEM: "old"}
        for name, span in sorted(said.items())
    )
    times = TakenTimes(known)
    after = times.laid_on(before)
    assert after.schema == before.schema
    for old, new in zip(before.to_pylist(), after.to_pylist(), strict=True):
        told = times_of(known.get(old["id"]), NOON)
        wanted = old | (dict(zip((TIME_KNOWN, *TIMES), told, strict=True)) if told[0] else {})
        assert new | {ITEM: None} == wanted | {ITEM: None}
        assert new[ITEM] == ("old" if wanted == old else None)
    assert not len(times.others(after)[0])
    assert times.laid_on(after) is after
