"""Footprints: outlines on the globe, also across the antimeridian, about the poles and off the map."""

import pytest
import shapely

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.footprints import Outliner


def outline(crs, transform, height_px, width_px):
    found = Outliner().footprint(height_px, width_px, Transform(*transform), crs)
    shape = shapely.from_wkb(found.wkb)
    assert shape.is_valid
    return found, shape


def test_a_utm_scene_has_its_corners_its_curved_edges_and_its_area():
    found, shape = outline("EPSG:32633", (10, 0, 499980, 0, -10, 5000040), 10980, 10980)
    assert shape.geom_type == "Polygon"
    assert shape.exterior.is_ccw
    assert found.box == pytest.approx((14.99975, 44.15712, 16.39641, 45.15384), abs=1e-4)
    assert found.area_km2 == pytest.approx(109.8**2, rel=2e-3)
    corners = shapely.Polygon([(found.box[0], found.box[1]), (found.box[2], found.box[1]), (15.7, 45.2)])
    assert len(shape.exterior.coords) > len(corners.exterior.coords) + 1, "the edges are not bent"


@pytest.mark.parametrize(
    ("crs", "transform", "height_px", "width_px"),
    [
        ("EPSG:4326", (0.01, 0, 179, 0, -0.01, 10), 300, 300),
        ("EPSG:4326", (0.01, 0, -181, 0, 0.01, 7), 300, 300),
        ("EPSG:32601", (10, 0, 200000, 0, -10, 4000000), 10980, 10980),
        ("EPSG:3857", (100, 0, 20032508.34, 0, -100, 0), 100, 100),
    ],
)
def test_a_scene_across_the_antimeridian_is_cut_there(crs, transform, height_px, width_px):
    found, shape = outline(crs, transform, height_px, width_px)
    west, _, east, _ = found.box
    crosses = west > east
    assert crosses == (shape.geom_type == "MultiPolygon")
    assert shape.bounds[0] >= -180
    assert shape.bounds[2] <= 180
    assert shape.area < 10, "it goes once around the globe"


def test_what_crosses_says_so_in_its_box():
    found, shape = outline("EPSG:4326", (0.01, 0, 179, 0, -0.01, 10), 300, 300)
    assert found.box == pytest.approx((179, 7, -178, 10))
    assert [part.bounds for part in shape.geoms] == [(179, 7, 180, 10), (-180, 7, -178, 10)]


@pytest.mark.parametrize(("crs", "pole"), [("EPSG:3413", 90), ("EPSG:3031", -90)])
@pytest.mark.parametrize("flip", [1, -1])
def test_a_scene_about_a_pole_is_the_cap_and_not_the_rest(crs, pole, flip):
    found, shape = outline(crs, (1000, 0, -500000, 0, -1000 * flip, 500000 * flip), 1000, 1000)
    assert found.area_km2 == pytest.approx(1e6, rel=0.08)
    assert shape.covers(shapely.Point(10, pole * 0.999))
    assert not shape.covers(shapely.Point(10, -pole * 0.999))


@pytest.mark.parametrize("west", [-180, 0])
def test_the_whole_globe_is_the_whole_globe(west):
    found, shape = outline("EPSG:4326", (0.1, 0, west, 0, -0.1, 90), 1800, 3600)
    assert found.box == (-180, -90, 180, 90)
    assert shape.bounds == (-180, -90, 180, 90)
    assert found.area_km2 == pytest.approx(510_065_622, rel=1e-4)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (None, (1, 0, 0, 0, -1, 0)),
        ("not a CRS", (1, 0, 0, 0, -1, 0)),
        ("EPSG:32633", (1e9, 0, 0, 0, -1e9, 0)),
        ("EPSG:4326", (1, 0, 0, 0, -1, 1000)),
    ],
)
def test_what_has_no_place_on_the_globe_has_no_outline(crs, transform):
    assert Outliner().footprint(10, 10, Transform(*transform), crs) is None


def test_a_rotated_scene_has_four_slanted_sides():
    found, shape = outline("EPSG:32633", (10, 3, 499980, 2, -10, 5000040), 50, 60)
    assert len(shape.exterior.coords) == 5
    assert shape.area < 0.9 * shapely.box(*found.box).area
