"""A scene touches exactly the cells that it has pixels in, wherever either map ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.warp import transform

from sgddiff_batch.core.cells import Cell, CellGrid
from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.areas.cells import Placing, RefusedError
from sgddiff_batch.io.geodesy import FootprintMaker, to_crs
from tests.io.area_examples import LEFT, TOP, UTM33
from tests.io.mosaic_examples import NO_CODE

CELLS = CellGrid(UTM33, 10.0, 80)
CORNER = Cell(625, 6624)
"""The cell whose upper left corner is (LEFT, TOP)."""


def wkt(code: int) -> str:
    return CRS.from_epsg(code).to_wkt()


def row_of(height: int, width: int, where: Transform, crs: str | None = UTM33) -> dict[str, Any]:
    """Return what a row of the archive catalogue says of where a scene lies."""
    outline = FootprintMaker().footprint(height, width, where, crs)
    return {
        "proj:code": None,
        "proj:wkt2": crs,
        "proj:shape": [height, width],
        "proj:transform": list(where.coefficients),
        "geometry": outline and outline.wkb,
    }


def touched(row: dict[str, Any], cells: CellGrid = CELLS) -> set[Cell]:
    found = Placing(cells).cells(row)
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    ("row", "col", "height", "width", "wanted"),
    [
        (0, 0, 80, 80, {(0, 0)}),
        (0, 0, 80, 81, {(0, 0), (1, 0)}),
        (-1, 0, 80, 80, {(0, 0), (0, 1)}),
        (79, 79, 2, 2, {(0, 0), (1, 0), (0, -1), (1, -1)}),
        (80, 80, 1, 1, {(1, -1)}),
    ],
)
def test_a_scene_on_the_grid_touches_exactly_the_cells_with_its_pixels(row, col, height, width, wanted):
    where = Transform(10, 0, LEFT + 10 * col, 0, -10, TOP - 10 * row)
    assert touched(row_of(height, width, where)) == {Cell(CORNER.x + x, CORNER.y + y) for x, y in wanted}


def test_a_scene_that_lies_askew_does_not_touch_the_corners_of_its_box():
    # A long thin scene along a diagonal.
    found = touched(row_of(8, 400, Transform(10, 10, LEFT, -10, 10, TOP - 4000)))
    assert 6 <= len(found) <= 14


def test_a_scene_of_the_neighbouring_zone_is_found_where_gdal_puts_it():
    # Its corner in zone 32 is a pixel of zone 33 well inside of one cell.
    (x,), (y,) = transform(CRS.from_epsg(32633), CRS.from_epsg(32632), [LEFT + 400], [TOP - 400])
    assert touched(row_of(4, 4, Transform(10, 0, x, 0, -10, y), wkt(32632))) == {CORNER}


def test_across_the_antimeridian_cells_of_both_ends_of_the_globe_are_touched():
    # Zone 1 begins at 180 degrees; this scene reaches 30 km to either side of it.
    (x,), (y,) = transform(CRS.from_epsg(4326), CRS.from_epsg(32601), [-180], [10])
    row = row_of(20, 60, Transform(1000, 0, x - 30_000, 0, -1000, y), wkt(32601))
    found = touched(row, CellGrid(wkt(4326), 0.01, 100))
    assert {cell.x for cell in found} == {179, -180}
    assert {cell.y for cell in found} <= {9, 10}


@pytest.mark.parametrize("crs", [32601, 4326])
def test_across_the_antimeridian_cells_of_both_ends_of_a_world_map_are_touched(crs):
    # Fiji: 0.2 degrees to either side of 180.
    where = Transform(0.01, 0, 179.8, 0, -0.01, -17)
    if crs == 32601:
        (x,), (y,) = transform(CRS.from_epsg(4326), CRS.from_epsg(crs), [179.8], [-17])
        where = Transform(1000, 0, x, 0, -1000, y)
    ends = {cell.x for cell in touched(row_of(40, 43, where, wkt(crs)), CellGrid(wkt(3857), 100.0, 100))}
    assert {x for x in ends if x < 0} == {-2004, -2003, -2002} | ({-2001} & ends)
    assert {x for x in ends if x >= 0} == {2001, 2002, 2003}


def test_across_the_antimeridian_a_map_that_goes_on_there_has_no_gap():
    where = Transform(0.01, 0, 179.8, 0, -0.01, -17)
    found = touched(row_of(40, 40, where, wkt(4326)), CellGrid(wkt(3832), 100.0, 10))
    columns = sorted({cell.x for cell in found})
    assert columns == list(range(columns[0], columns[-1] + 1))
    assert len(columns) in range(44, 50)


def test_a_scene_is_found_where_the_degrees_of_another_datum_put_it():
    """Tokyo's datum lies 400 m off: here on the other side of a border of cells, in both directions."""
    tokyo, zone = CRS.from_epsg(4301), CRS.from_epsg(32654)
    x, y = (float(v[0]) for v in to_crs(CRS.from_epsg(4326), zone, np.array([139.698]), np.array([35.702])))
    lon, lat = (float(v[0]) for v in to_crs(zone, tokyo, np.array([x + 40]), np.array([y - 40])))
    assert lon > 139.7 > 139.698 + 0.001
    assert lat < 35.7 < 35.702 - 0.001
    cells = CellGrid(tokyo.to_wkt(), 1e-3, 100)
    (place,) = cells.cells_in((lon, lat, lon + 1e-9, lat + 1e-9))
    assert place in touched(row_of(8, 8, Transform(10, 0, x, 0, -10, y), zone.to_wkt()), cells)


def test_a_crs_without_a_code_is_no_hindrance():
    row = row_of(8, 8, Transform(10, 0, 0, 0, -10, 0), NO_CODE)
    assert touched(row, CellGrid(NO_CODE, 10.0, 8)) == {Cell(0, -1)}


def test_a_code_counts_before_a_text():
    row = row_of(80, 80, Transform(10, 0, LEFT, 0, -10, TOP)) | {"proj:code": "EPSG:32633", "proj:wkt2": "no"}
    assert touched(row) == {CORNER}


FAR = row_of(8, 8, Transform(0.1, 0, 140, 0, -0.1, -20), wkt(4326))
HERE = row_of(80, 80, Transform(10, 0, LEFT, 0, -10, TOP))


@pytest.mark.parametrize(
    ("row", "cells", "why"),
    [
        (HERE | {"proj:wkt2": None}, CELLS, "it has no coordinate reference system"),
        (HERE | {"proj:wkt2": "words"}, CELLS, "is not known to GDAL"),
        (FAR, CELLS, "more than 6 degrees outside of the area of use"),
        (HERE, CellGrid(UTM33, 1.0, 1), "it touches more than 100000 cells: take larger ones"),
        (HERE | {"geometry": None}, CellGrid(wkt(4326), 0.01, 10), "its outline cannot be drawn"),
    ],
)
def test_what_has_no_sensible_place_is_refused_and_told_why(row, cells, why):
    placing = Placing(cells)
    for _ in range(2):
        with pytest.raises(RefusedError, match=why):
            placing.cells(row)


def test_scenes_of_one_grid_are_placed_once_and_others_each_for_themselves():
    placing = Placing(CELLS)
    first = placing.cells(HERE)
    assert placing.cells(dict(HERE)) is first
    beside = row_of(80, 80, Transform(10, 0, LEFT + 800, 0, -10, TOP))
    assert placing.cells(beside) == [Cell(CORNER.x + 1, CORNER.y)]
    assert placing.cells(HERE) == [CORNER]
