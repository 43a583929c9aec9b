"""Footprints: outlines on the globe, also across the antimeridian, about the poles and off the map."""

import numpy as np
import pytest
import shapely
from rasterio.crs import CRS
from rasterio.warp import transform

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.geodesy import footprints
from sgddiff_batch.io.geodesy.footprints import FootprintMaker, box_of


def outline(crs, transform, height_px, width_px):
    found = FootprintMaker().footprint(height_px, width_px, Transform(*transform), crs)
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
    assert FootprintMaker().footprint(10, 10, Transform(*transform), crs) is None


def test_a_rotated_scene_has_four_slanted_sides():
    found, shape = outline("EPSG:32633", (10, 3, 499980, 2, -10, 5000040), 50, 60)
    assert len(shape.exterior.coords) == 5
    assert shape.area < 0.9 * shapely.box(*found.box).area


HALF_TURN = 20037508.342789244


def test_axes_that_go_the_other_way_are_no_reason_to_take_the_rest_of_the_globe():
    # The same pixels on the ground, counted to the south and west, and to the east and north.
    found, _ = outline("EPSG:5513", (10, 0, 1040000, 0, 10, 740000), 128, 128)
    same, _ = outline("EPSG:5514", (10, 0, -741280, 0, -10, -1040000), 128, 128)
    assert found.box == pytest.approx(same.box, abs=1e-6)
    assert found.area_km2 == pytest.approx(same.area_km2, rel=1e-6)
    assert found.area_km2 == pytest.approx(1.28**2, rel=2e-3)


@pytest.mark.parametrize(
    ("west", "box"),
    [
        (180, (-180, 2, -172, 10)),
        (-188, (172, 2, 180, 10)),
        (172, (172, 2, 180, 10)),
        (-180, (-180, 2, -172, 10)),
        (190, (-170, 2, -162, 10)),
        (532, (172, 2, 180, 10)),
        (176, (176, 2, -176, 10)),
    ],
)
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4258", "OGC:CRS84"])
def test_degrees_past_a_half_turn_are_those_on_the_other_side(crs, west, box):
    found, shape = outline(crs, (0.1, 0, west, 0, -0.1, 10), 80, 80)
    assert found.box == pytest.approx(box)
    assert found.area_km2 == pytest.approx(783_400, rel=2e-3)
    assert len(shapely.get_parts(shape)) == (2 if west == 176 else 1)


@pytest.mark.parametrize("west", [0, 100, -90, -180, 180, 500])
def test_a_whole_turn_is_one_wherever_it_begins(west):
    found, shape = outline("EPSG:4326", (1, 0, west, 0, -1, 80), 160, 360)
    assert found.box == pytest.approx((-180, -80, 180, 80))
    assert shape.geom_type == "Polygon"
    assert found.area_km2 == pytest.approx(502_250_000, rel=1e-4)


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4087", "EPSG:3395", "EPSG:3832", "EPSG:6933"])
@pytest.mark.parametrize("start", [-1.0, 0.0, -0.5])
@pytest.mark.parametrize("turn", [1.0, 1.001, 20037508.34 / HALF_TURN])
def test_a_whole_turn_in_a_plane_is_one_wherever_it_begins(crs, start, turn):
    half = 17367530.445161 if crs == "EPSG:6933" else HALF_TURN
    px = 2 * turn * half / 512
    found, shape = outline(crs, (px, 0, start * half, 0, -19531.25, 5e6), 512, 512)
    assert (found.box[0], found.box[2]) == pytest.approx((-180, 180))
    assert shape.geom_type == "Polygon"


def test_a_little_less_than_a_turn_leaves_its_gap():
    found, shape = outline("EPSG:4326", (0.999, 0, 0, 0, -1, 80), 160, 360)
    assert found.box == pytest.approx((0, -80, -0.36, 80))
    assert [part.bounds for part in shape.geoms] == [
        pytest.approx((0, -80, 180, 80)),
        pytest.approx((-180, -80, -0.36, 80)),
    ]
    found, shape = outline("EPSG:3857", (2 * 0.999 * HALF_TURN / 512, 0, -HALF_TURN, 0, -1e4, 0), 100, 512)
    assert found.box[:3:2] == pytest.approx((-180, 179.64))


@pytest.mark.parametrize(
    ("crs", "left", "width_px", "box"),
    [
        ("EPSG:3857", HALF_TURN, 100, (-180, -179.910169)),
        ("EPSG:3857", HALF_TURN - 10000, 100, (179.910169, 180)),
        ("EPSG:3857", -HALF_TURN, 100, (-180, -179.910169)),
        ("EPSG:3857", -HALF_TURN - 10000, 100, (179.910169, 180)),
        ("EPSG:4087", HALF_TURN - 10000, 200, (179.910169, -179.910169)),
        ("EPSG:3857", 20037508.34 - 10000, 100, (179.910169, 180)),
        ("EPSG:3832", 3339584.7237982 - 10000, 100, (179.910169, 180)),
        ("EPSG:3832", 3339584.7237982, 100, (-180, -179.910169)),
    ],
)
def test_a_corner_on_the_antimeridian_does_not_cross_it(crs, left, width_px, box):
    found, shape = outline(crs, (100, 0, left, 0, -100, 0), 100, width_px)
    assert found.box[::2] == pytest.approx(box, abs=1e-6)
    assert len(shapely.get_parts(shape)) == (1 if box[0] < box[1] else 2)
    assert found.area_km2 == pytest.approx(width_px, rel=0.01)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4258", "EPSG:4301"])
@pytest.mark.parametrize("west", [-180.125, -0.125])
def test_a_grid_of_points_ends_at_the_poles(crs, west):
    found, _ = outline(crs, (0.25, 0, west, 0, -0.25, 90.125), 721, 1440)
    assert found.box == (-180, -90, 180, 90)
    found, _ = outline(crs, (0.25, 0, 10, 0, -0.25, 90.125), 100, 40)
    # Of another datum the longitudes, too, are others near the pole.
    assert found.box == pytest.approx((10, 65.125, 20, 90), abs=0.2 if crs == "EPSG:4301" else 1e-3)


def test_a_plane_of_points_ends_at_the_poles():
    px = HALF_TURN / 360
    found, _ = outline("EPSG:4087", (px, 0, 0, 0, -px, HALF_TURN / 2 + px / 2), 361, 720)
    assert found.box == pytest.approx((-180, -90, 180, 90))


def test_pixels_past_a_pole_have_no_place():
    assert FootprintMaker().footprint(722, 1440, Transform(0.25, 0, 0, 0, -0.25, 90.3), "EPSG:4326") is None


@pytest.mark.parametrize(
    ("crs", "easting"),
    [("EPSG:3413", 0), ("EPSG:3031", 0), ("EPSG:5041", 2e6), ("EPSG:6932", 0), ("EPSG:3571", 0)],
)
@pytest.mark.parametrize(("left", "top"), [(0, 0), (-500, 0), (-500, -1e-6), (-500, 1e-6), (-1, 500)])
def test_a_pole_on_or_beside_an_edge_does_not_turn_a_scene_inside_out(crs, easting, left, top):
    scene = (1000, 0, easting + left * 1000, 0, -1000, easting + top * 1000)
    found, shape = outline(crs, scene, 1000, 1000)
    assert found.area_km2 == pytest.approx(1e6, rel=0.08)
    pole = 90 if found.box[3] > 0 else -90
    assert shape.distance(shapely.Point(found.box[0], pole)) < 0.01


def test_about_all_of_an_equal_area_grid_is_the_cap_to_its_corners():
    found, shape = outline("EPSG:6931", (18000, 0, -9e6, 0, -18000, 9e6), 1000, 1000)
    assert found.area_km2 == pytest.approx(18000**2, rel=0.01)
    assert shape.covers(shapely.Point(3, 89.99))


def test_a_rotated_pole_is_followed():
    text = (
        "+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 +to_meter=0.0174532925199433"
    )
    found, shape = outline(text, (0.11, 0, -28, 0, -0.11, 21), 412, 424)
    (lon,), (lat,) = transform(CRS.from_user_input(text), CRS.from_epsg(4326), [0], [0])
    assert shape.covers(shapely.Point(lon, lat))
    assert not shape.covers(shapely.Point(lon, -lat))
    assert found.area_km2 < 3e7


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:4326", (1, 0, 1e18, 0, -1, 10)),
        ("EPSG:4326", (1e5, 0, 0, 0, -1e-4, 10)),
        ("EPSG:4326", (1e308, 0, 1e308, 0, -1, 10)),
        ("EPSG:4978", (1, 0, 170, 0, -1, 10)),
        ("+proj=longlat +R=1737400", (1, 0, 170, 0, -1, 10)),
    ],
)
def test_what_is_no_place_on_the_globe_has_no_outline(crs, transform):
    """Nor does it take long, or end the catalogue of everything else."""
    assert FootprintMaker().footprint(10, 20, Transform(*transform), crs) is None


@pytest.mark.parametrize("west", [-2, -1, 0, -181, 179, 178])
def test_an_area_is_that_of_its_halves_on_whichever_hemispheres_they_are(west):
    whole, _ = outline("EPSG:4326", (0.01, 0, west, 0, -0.01, 50), 100, 200)
    halves = [outline("EPSG:4326", (0.01, 0, west + x, 0, -0.01, 50), 100, 100)[0] for x in (0, 1)]
    assert whole.area_km2 == pytest.approx(sum(half.area_km2 for half in halves), rel=1e-3)
    assert halves[0].area_km2 == pytest.approx(halves[1].area_km2, rel=1e-6)


def test_the_box_of_a_polygon_is_that_of_a_multipolygon_of_it():
    _, shape = outline("EPSG:32633", (10, 3, 499980, 2, -10, 5000040), 50, 60)
    assert box_of(shape) == box_of(shapely.MultiPolygon([shape])) == shape.bounds


def test_no_zero_has_a_sign():
    _, shape = outline("EPSG:4326", (0.1, -0.0, -1, -0.0, -0.1, -0.0), 10, 10)
    points = shapely.get_coordinates(shape)
    assert (points == 0).any()
    assert not np.signbit(points[points == 0]).any()


def test_a_crs_is_looked_up_once_and_few_are_kept(monkeypatch):
    looked_up, globe = [], footprints.Globe
    monkeypatch.setattr(footprints, "Globe", lambda crs: looked_up.append(crs.to_string()) or globe(crs))
    monkeypatch.setattr(footprints, "_MOST_CRSS", 3)
    maker, grid = FootprintMaker(), (10, 10, Transform(10, 0, 499980, 0, -10, 5000040))
    codes = [f"EPSG:{code}" for code in range(32601, 32611)]
    for code in codes:
        assert maker.footprint(*grid, code) == maker.footprint(*grid, code)
    assert looked_up == codes
    assert len(maker._globes) <= 3
