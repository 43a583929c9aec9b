"""Polygons of a CRS are where they belong on the globe, also at its seams, and as large as they are."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Geod
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.geodesy.footprints import FootprintMaker
from sgddiff_batch.io.geodesy.ground import Ground, _segmentized, ellipsoid_m2

GEOD = Geod(ellps="WGS84")
POLAR = "EPSG:3413"
ENGINEERING = 'LOCAL_CS["a room",UNIT["metre",1]]'


def shapes(*polygons):
    return np.array(polygons, dtype=object)


def test_a_polygon_with_a_hole_keeps_it_on_the_globe_and_in_metres():
    square = shapely.box(5e5, 5e6, 5.01e5, 5.001e6).difference(
        shapely.box(5.002e5, 5.0002e6, 5.004e5, 5.0004e6)
    )
    ground = Ground("EPSG:32633")
    (found,) = ground.on_globe(shapes(square), longest=100.0)
    assert (found.is_valid, len(found.interiors)) == (True, 1)
    assert ellipsoid_m2(shapes(found))[0] == pytest.approx(960_000 / 0.9996**2, rel=1e-4)
    assert ground.in_metres(shapes(square), np.zeros(1), np.zeros(1))[0].area == pytest.approx(960_000)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4267"])
@pytest.mark.parametrize("west", [179.5, -180.5, 539.5])
def test_degrees_across_the_antimeridian_are_cut_there(crs, west):
    ground = Ground(crs)
    (found,) = ground.on_globe(shapes(shapely.box(west, 10, west + 1, 11)))
    assert found.geom_type == "MultiPolygon"
    assert found.bounds == pytest.approx((-180, 10, 180, 11), abs=0.02)
    wanted = abs(GEOD.geometry_area_perimeter(shapely.segmentize(shapely.box(0, 10, 1, 11), 0.01))[0])
    assert ground.areas_m2(shapes(shapely.box(west, 10, west + 1, 11)))[0] == pytest.approx(wanted, rel=1e-3)


def test_a_polygon_of_a_plane_across_the_antimeridian_is_cut_there():
    (found,) = Ground("EPSG:3832").on_globe(shapes(shapely.box(3.3e6, 0, 3.4e6, 1e5)))
    assert (found.geom_type, found.bounds[0], found.bounds[2]) == ("MultiPolygon", -180, 180)


def test_a_polygon_about_a_pole_is_the_cap_and_its_hole_stays_out():
    cap = shapely.Point(0, 0).buffer(1e5)
    whole, ring = Ground(POLAR).on_globe(shapes(cap, cap.difference(shapely.Point(0, 0).buffer(5e4))))
    assert whole.bounds == pytest.approx((-180, 89.08, 180, 90), abs=0.05)
    areas = ellipsoid_m2(shapes(whole, ring))
    assert areas[1] / areas[0] == pytest.approx(0.75, rel=0.01)
    assert not ring.contains(shapely.Point(10, 89.9))


def test_a_pixel_beside_a_pole_in_degrees_has_an_area_and_a_metre_s_size():
    ground = Ground("EPSG:4326")
    pixel = shapes(shapely.box(10, 89.9, 10.1, 90), shapely.box(10, 89.95, 10.1, 90.05))
    areas = ground.areas_m2(pixel)
    zone = GEOD.polygon_area_perimeter(np.arange(0, 360, 0.5), np.full(720, 89.9))[0]
    assert areas[0] == pytest.approx(zone / 3600, rel=1e-3)
    assert 0 < areas[1] < areas[0], "what is past the pole is not there"
    lon, lat = np.array([10.05, 10.05]), np.array([89.95, 89.97])
    assert all(one.area > 0 for one in ground.in_metres(pixel, lon, lat))


def test_what_is_off_the_map_is_nowhere_and_spoils_no_other():
    ground = Ground("EPSG:3857")
    good, bad = shapely.box(0, 0, 10, 10), shapely.box(0, 0, 1e300, 10)
    found = Ground("EPSG:32633").on_globe(shapes(good, bad))
    assert (found[0] is not None, found[1]) == (True, None)
    lon, lat = ground.places(np.array([0.0, np.inf]), np.array([0.0, 0.0]))
    assert lon[0] == lat[0] == 0
    assert np.isnan([lon[1], lat[1]]).all()


def test_polygons_are_where_footprints_are():
    grid = (40, 60, Transform(1000, 300, 5e5, 200, -1000, 7e6))
    footprint = shapely.from_wkb(FootprintMaker().footprint(*grid, "EPSG:32601").wkb)
    corners = [grid[2].apply(col, row) for col, row in ((0, 0), (60, 0), (60, 40), (0, 40))]
    (found,) = Ground("EPSG:32601").on_globe(shapes(shapely.Polygon(corners)), longest=1000.0)
    assert found.symmetric_difference(footprint).area < 1e-3 * footprint.area


def test_no_polygons_are_none():
    ground = Ground("EPSG:4326")
    assert len(ground.on_globe(shapes())) == len(ground.areas_m2(shapes())) == 0


@pytest.mark.parametrize("crs", ["nonsense", CRS.from_wkt(ENGINEERING).to_wkt(), "EPSG:4978"])
def test_a_crs_without_a_place_on_the_globe_is_refused(crs):
    with pytest.raises(ValueError, match=r"no place on the globe|neither metres"):
        Ground(crs)


def test_long_edges_alone_get_points_in_between_and_all_bytes_are_those_of_segmentize():
    def pierced(side):
        hole = shapely.box(side / 4, side / 4, side / 2, side / 2)
        return shapely.box(0, 0, side, side).difference(hole)

    some = shapes(
        *map(pierced, (1.0, 10.0, 10.0 + 1e-12, 11.0, 19.0, 100.0)), shapely.box(5e5, 0, 5e5 + 1, 1)
    )
    found = _segmentized(some, 10.0)
    np.testing.assert_array_equal(shapely.to_wkb(found), shapely.to_wkb(shapely.segmentize(some, 10.0)))
    assert shapely.get_num_coordinates(found)[[0, 5]].tolist() == [10, 54]
    assert _segmentized(some[:1], 10.0)[0] is some[0]
    assert len(_segmentized(some[:0], 10.0)) == 0
