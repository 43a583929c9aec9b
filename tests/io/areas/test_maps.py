"""An outline on the globe is drawn whole on an area's plane, in pieces where that plane is torn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from rasterio.crs import CRS

from sgddiff_batch.io.areas.maps import AreaMap
from sgddiff_batch.io.areas.worlds import area_of_use
from sgddiff_batch.io.geodesy import to_crs

LONLAT = CRS.from_epsg(4326)
GLOBE_M2 = 5.10065621724e14
HALF = 20037508.342789244


def map_of(code: int) -> AreaMap:
    wkt = CRS.from_epsg(code).to_wkt()
    return AreaMap(wkt, area_of_use(wkt, 6.0))


UTM33, WEB, PACIFIC, EQUAL_AREA, POLAR = map(map_of, (32633, 3857, 3832, 6933, 3413))
SMALL = shapely.box(14.0, 47.0, 14.5, 47.5)


@pytest.mark.parametrize("plane", [UTM33, WEB, PACIFIC, EQUAL_AREA, POLAR])
def test_what_is_small_and_within_one_sheet_is_whole(plane):
    assert not plane.is_torn(SMALL)


@pytest.mark.parametrize(
    ("plane", "globe"),
    [
        (UTM33, shapely.box(0, 0, 21, 1)),
        (UTM33, shapely.box(14, 0, 15, 21)),
        (PACIFIC, shapely.box(-31, 0, -29, 1)),
        (WEB, shapely.box(10, 80, 11, 90)),
        (WEB, shapely.MultiPolygon([shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)])),
    ],
)
def test_what_is_large_in_parts_on_a_seam_or_past_the_end_is_torn(plane, globe):
    assert plane.is_torn(globe)


def test_a_small_outline_is_where_gdal_puts_its_edge():
    (part,) = UTM33.parts(SMALL)
    corners = np.array([[14.0, 47.0], [14.5, 47.0], [14.5, 47.5], [14.0, 47.5]]).T
    x, y = to_crs(LONLAT, CRS.from_epsg(32633), *corners)
    drawn = shapely.get_coordinates(part)
    for corner in np.column_stack([x, y]):
        assert np.hypot(*(drawn - corner).T).min() < 0.01
    assert len(drawn) > 4 * 8, "edges are curves there"


def test_the_pieces_of_the_globe_cover_the_globe_once():
    parts = EQUAL_AREA.parts(shapely.box(-180, -90, 180, 90))
    assert shapely.union_all(shapely.make_valid(np.array(parts))).area == pytest.approx(GLOBE_M2, rel=1e-3)
    assert sum(part.area for part in parts) == pytest.approx(GLOBE_M2, rel=1e-2)


def test_across_the_seam_an_outline_is_at_both_ends_of_its_map():
    left, right = sorted(PACIFIC.parts(shapely.box(-31, 0, -29, 1)), key=lambda part: part.bounds[0])
    degree = HALF / 180
    assert left.bounds[0] == pytest.approx(-HALF, abs=1)
    assert left.bounds[2] == pytest.approx(-HALF + degree, rel=1e-3)
    assert right.bounds[2] == pytest.approx(HALF, abs=1)
    assert right.bounds[0] == pytest.approx(HALF - degree, rel=1e-3)


def test_a_pole_that_lies_at_infinity_is_not_drawn_and_one_on_the_map_is():
    (part,) = WEB.parts(shapely.box(10, 80, 11, 90))
    assert math.isfinite(part.bounds[3])
    assert part.bounds[3] == pytest.approx(HALF, rel=0.01)
    cap = shapely.union_all(shapely.make_valid(np.array(POLAR.parts(shapely.box(-180, 80, 180, 90)))))
    assert cap.buffer(1.0).contains(shapely.Point(0, 0))


def test_of_what_is_large_only_what_is_near_the_area_of_use_is_drawn():
    parts = UTM33.parts(shapely.box(-170, 10, 170, 12))
    west, _, east, _ = shapely.union_all(parts).bounds
    lon, _ = to_crs(CRS.from_epsg(32633), LONLAT, np.array([west, east]), np.array([1.2e6, 1.2e6]))
    assert lon == pytest.approx([6.0, 24.0], abs=0.2)


def test_nothing_is_drawn_of_an_outline_without_an_area():
    assert UTM33.parts(shapely.LineString([(14, 47), (15, 48)])) == []
    assert UTM33.parts(shapely.Polygon()) == []
