"""One area is one lattice of cells and one kind of period, from its first run on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rasterio.crs import CRS

from sgddiff_batch.core.cells import CellGrid
from sgddiff_batch.core.composite_planning import AreaSettings
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.ledger.area_cells import CELLS, check_cells, keep_cells
from sgddiff_batch.io.storage.store import open_store

WKT = CRS.from_epsg(32633).to_wkt()
GRID = CellGrid(WKT, 10.0, 80)
SETTINGS = AreaSettings(GRID, "month", "latest")


@pytest.fixture
def area(tmp_path):
    return open_store(str(tmp_path / "area"))


def test_an_area_that_was_not_begun_may_have_any_cells(area):
    check_cells(area, "north", SETTINGS)
    assert area.keys() == []


def test_what_it_was_begun_with_is_kept_once_with_its_run(area):
    keep_cells(area, "north", SETTINGS, "run-1")
    keep_cells(area, "north", SETTINGS, "run-2")
    kept = json.loads(area.read(CELLS))
    assert kept == {
        "crs": WKT,
        "resolution": 10.0,
        "origin": [0.0, 0.0],
        "cell_px": 80,
        "period": "month",
        "run_id": "run-1",
    }


def test_rule_and_resampling_may_change(area):
    keep_cells(area, "north", SETTINGS, "run-1")
    check_cells(area, "north", replace(SETTINGS, rule="max", resampling="nearest"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (replace(SETTINGS, period="year"), "period was month, is year"),
        (replace(SETTINGS, cells=replace(GRID, cell_px=81)), "cell_px was 80, is 81"),
        (replace(SETTINGS, cells=replace(GRID, resolution=5.0)), r"resolution was 10\.0, is 5\.0"),
        (replace(SETTINGS, cells=replace(GRID, origin=(1.0, 0.0))), r"origin was \[0\.0, 0\.0\]"),
        (replace(SETTINGS, cells=replace(GRID, crs_wkt=CRS.from_epsg(32632).to_wkt())), "crs was PROJCS"),
        (replace(SETTINGS, cells=replace(GRID, crs_wkt="words")), r"crs was .{60}\.\.\., is words"),
    ],
)
def test_other_cells_or_periods_are_refused_with_both_values(area, changed, told):
    keep_cells(area, "north", SETTINGS, "run-1")
    for refuse in (check_cells, lambda *args: keep_cells(*args, "run-2")):
        with pytest.raises(ConfigError, match=rf"areas: north: .*{told}.*; take another name for the area"):
            refuse(area, "north", changed)
    assert json.loads(area.read(CELLS))["run_id"] == "run-1"


def test_all_that_is_other_is_told_at_once(area):
    keep_cells(area, "north", SETTINGS, "run-1")
    with pytest.raises(ConfigError, match="cell_px was 80, is 40; period was month, is day"):
        check_cells(area, "north", replace(SETTINGS, cells=replace(GRID, cell_px=40), period="day"))


def test_the_same_crs_in_other_words_is_the_same(area):
    keep_cells(area, "north", SETTINGS, "run-1")
    other = CRS.from_epsg(32633).to_wkt(version="WKT2_2019")
    assert other != WKT
    check_cells(area, "north", replace(SETTINGS, cells=replace(GRID, crs_wkt=other)))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b'{"crs": "x"}', b"\xff", b"[" * 100_000])
def test_a_damaged_object_stops_the_run_and_says_which(area, data):
    area.write(CELLS, data)
    with pytest.raises(FatalError, match=r"lattice~\.json of the area is damaged .*; restore it, or delete"):
        check_cells(area, "north", SETTINGS)
