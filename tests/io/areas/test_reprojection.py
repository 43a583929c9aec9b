"""Which pixels of a scene decide a part of a cell, and how large a scene's pixels are in the area."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.areas.reprojection import needed_window, source_resolution
from sgddiff_batch.io.geodesy import to_crs
from tests.core.strategies import windows

UTM33, UTM32, LONLAT, WEB = (CRS.from_epsg(code).to_wkt() for code in (32633, 32632, 4326, 3857))
NORTH_UP = Transform(10, 0, 500_000, 0, -10, 5_300_000)
TARGET = Grid(60, 60, NORTH_UP, UTM33)


def places_in(target: Grid, part: Window, source: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns on the source of all pixel centres of a part of the target."""
    rows, cols = np.mgrid[part.row_start : part.row_stop, part.col_start : part.col_stop] + 0.5
    x, y = target.transform.apply(cols.ravel(), rows.ravel())
    x, y = to_crs(CRS.from_wkt(target.crs_wkt), CRS.from_wkt(source.crs_wkt), x, y)
    s = source.transform
    return (y - s.f) / s.e, (x - s.c) / s.a


@given(windows(), st.integers(0, 40), st.integers(0, 40), st.sampled_from([5.0, 10.0, 33.0]))
def test_all_pixels_of_a_part_have_theirs_in_the_window_and_few_others_are(part, row, col, pixel):
    corner = Transform(pixel, 0, 500_000 - 10 * col, 0, -pixel, 5_300_000 + 10 * row)
    source = Grid(400, 400, corner, UTM33)
    window, turns = needed_window(TARGET, part, source, reach_px=1)
    rows, cols = places_in(TARGET, part, source)
    assert window.row_start <= rows.min() - 1 or window.row_start == 0
    assert window.col_start <= cols.min() - 1 or window.col_start == 0
    assert window.row_stop >= rows.max() + 1
    assert window.col_stop >= cols.max() + 1
    assert window.height_px <= 1.1 * part.height_px * 10 / pixel + 12
    assert turns == (0.0,)


def test_a_part_in_another_crs_has_its_pixels_in_the_window():
    (x,), (y,) = to_crs(
        CRS.from_wkt(UTM33), CRS.from_wkt(UTM32), np.array([500_000.0]), np.array([5_300_000.0])
    )
    source = Grid(200, 200, Transform(10, 0, x - 500, 0, -10, y + 500), UTM32)
    window, turns = needed_window(TARGET, TARGET.window, source, reach_px=1)
    rows, cols = places_in(TARGET, TARGET.window, source)
    assert window.row_start <= rows.min() - 1
    assert window.row_stop >= rows.max() + 1
    assert window.col_start <= cols.min() - 1
    assert window.col_stop >= cols.max() + 1
    assert window.area_px < source.window.area_px
    assert turns == (0.0,)


def test_a_scene_that_lies_elsewhere_has_no_pixel_of_it():
    beside = Transform(10, 0, 510_000, 0, -10, 5_300_000)
    assert needed_window(TARGET, TARGET.window, Grid(60, 60, beside, UTM33), 1) is None


def test_where_no_point_has_a_place_in_the_scene_s_crs_there_is_none():
    cell = Grid(10, 10, Transform(1, 0, 10, 0, -1, -90), LONLAT)
    source = Grid(60, 60, Transform(1e4, 0, 0, 0, -1e4, 1e6), CRS.from_epsg(3413).to_wkt())
    assert needed_window(cell, Window(0, 1, 0, 1), source, 1) is None


def test_a_scene_that_counts_on_past_a_half_turn_is_moved_back_a_turn():
    source = Grid(18, 36, Transform(10, 0, 0, 0, -10, 90), LONLAT)
    cell = Grid(2, 2, Transform(10, 0, -90, 0, -10, 20), LONLAT)
    window, turns = needed_window(cell, cell.window, source, 0)
    assert turns == (-360.0,)
    assert window.col_start <= 27
    assert window.col_stop >= 29
    assert window.width_px < 18


def test_a_cell_that_sees_both_ends_of_a_scene_needs_it_in_two_places():
    source = Grid(18, 36, Transform(10, 0, 0, 0, -10, 90), LONLAT)
    cell = Grid(2, 4, Transform(10, 0, -20, 0, -10, 20), LONLAT)
    window, turns = needed_window(cell, cell.window, source, 0)
    assert set(turns) == {0.0, -360.0}
    assert (window.col_start, window.col_stop) == (0, 36)


def test_a_pixel_is_as_large_as_it_is():
    assert source_resolution(TARGET, UTM33) == pytest.approx(10.0)
    oblong = Grid(60, 60, Transform(20, 0, 500_000, 0, -5, 5_300_000), UTM33)
    assert source_resolution(oblong, UTM33) == pytest.approx(10.0)
    turned = Grid(60, 60, Transform(6, 8, 500_000, 8, -6, 5_300_000), UTM33)
    assert source_resolution(turned, UTM33) == pytest.approx(10.0)


@pytest.mark.parametrize("lat", [0.0, 48.0, -70.0])
def test_a_pixel_of_a_web_map_is_as_large_as_its_latitude_has_it(lat):
    degrees = Grid(2, 2, Transform(1e-3, 0, 15, 0, -1e-3, lat + 1e-3), LONLAT)
    metres = 1e-3 * 20037508.342789244 / 180
    # A map that keeps angles: both sides grow by the secant of the latitude, on a sphere.
    assert source_resolution(degrees, WEB) == pytest.approx(
        metres / math.sqrt(math.cos(math.radians(lat))), rel=2e-3
    )


def test_a_pixel_across_the_end_of_the_map_is_measured_elsewhere():
    across = Grid(4, 4, Transform(1, 0, 177.5, 0, -1, 2), LONLAT)
    assert source_resolution(across, WEB) == pytest.approx(111319.5, rel=0.01)


def test_what_has_no_place_there_has_no_size():
    assert math.isnan(source_resolution(Grid(4, 4, Transform(1, 0, 0, 0, -1, 120), LONLAT), WEB))
