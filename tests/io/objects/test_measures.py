"""Measures of objects are those of what was drawn, in a plane, in degrees and without a CRS."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Geod

from sgddiff_batch.core.ellipsoid import degree_m
from sgddiff_batch.core.grid import Transform
from tests.io.mosaic_examples import LONLAT, UTM
from tests.io.objects.examples import rows_of, stored

BAR = np.zeros((30, 40), np.uint8)
BAR[10:12, 5:25] = 200
FEET = "EPSG:2225"


def test_a_bar_in_a_plane_has_its_sides_its_way_and_its_place(tmp_path):
    (row,) = rows_of(stored(tmp_path, BAR, Transform(10, 0, 5e5, 0, -10, 5e6), UTM))
    wanted = {
        "area_m2": 4000,
        "length_m": 200,
        "width_m": 20,
        "angle_deg": 90,
        "x": 5e5 + 150,
        "y": 5e6 - 110,
    }
    assert {name: row[name] for name in wanted} == pytest.approx(wanted)
    assert (row["lon"], row["lat"]) == pytest.approx((15.0019, 45.1525), abs=1e-3)


@pytest.mark.parametrize(
    ("transform", "angle"),
    [(Transform(0, 10, 5e5, 10, 0, 5e6), 0), (Transform(6, 8, 5e5, 8, -6, 5e6), 36.87)],
)
def test_a_rotated_grid_turns_the_bar(tmp_path, transform, angle):
    (row,) = rows_of(stored(tmp_path, BAR, transform, UTM))
    assert (row["length_m"], row["width_m"], row["area_m2"]) == pytest.approx((200, 20, 4000))
    assert row["angle_deg"] == pytest.approx(angle, abs=0.01)


def test_feet_are_told_in_metres(tmp_path):
    (row,) = rows_of(stored(tmp_path, BAR, Transform(10, 0, 6e6, 0, -10, 2e6), FEET))
    foot = 1200 / 3937
    assert (row["length_m"], row["area_m2"]) == pytest.approx((200 * foot, 4000 * foot**2))


@pytest.mark.parametrize("south", [0.0, 45.0, -80.0])
def test_degrees_are_measured_on_the_ellipsoid(tmp_path, south):
    (row,) = rows_of(stored(tmp_path, BAR, Transform(0.001, 0, 20, 0, -0.001, south + 0.03), LONLAT))
    lons, lats = (
        np.array([20.005, 20.025, 20.025, 20.005]),
        south + 0.03 - np.array([0.012, 0.012, 0.01, 0.01]),
    )
    area, _ = Geod(ellps="WGS84").polygon_area_perimeter(lons, lats)
    assert row["area_m2"] == pytest.approx(area, rel=1e-4)
    east_m, north_m = degree_m(np.array([row["lat"]]))
    sides = sorted([0.02 * east_m[0], 0.002 * north_m[0]])
    assert [row["width_m"], row["length_m"]] == pytest.approx(sides, rel=1e-4)


def test_a_bar_across_the_antimeridian_is_one_object_of_its_whole_size(tmp_path):
    (there,) = rows_of(stored(tmp_path / "a", BAR, Transform(0.001, 0, 179.985, 0, -0.001, 10), LONLAT))
    (here,) = rows_of(stored(tmp_path / "b", BAR, Transform(0.001, 0, 20, 0, -0.001, 10), LONLAT))
    for name in ("area_m2", "length_m", "width_m", "angle_deg", "pixels", "lat"):
        assert there[name] == pytest.approx(here[name], rel=1e-6)
    assert there["lon"] == pytest.approx(-180, abs=1e-6) or there["lon"] == pytest.approx(180, abs=1e-6)
    assert there["geometry"].geom_type == "MultiPolygon"
    assert there["geometry"].area == pytest.approx(here["geometry"].area)
    assert (there["bbox"]["xmin"], there["bbox"]["xmax"]) == (-180, 180)


@pytest.mark.parametrize("transform", [Transform(1, 0, 0, 0, 1, 0), Transform(10, 3, 5e5, 2, -10, 5e6)])
def test_without_a_crs_there_are_pixels_and_no_metres(tmp_path, transform):
    (row,) = rows_of(stored(tmp_path, BAR, transform, None))
    nothing = ("area_m2", "lon", "lat", "length_m", "width_m", "angle_deg", "bbox", "geometry", "crs")
    assert [row[name] for name in nothing] == [None] * len(nothing)
    assert (row["pixels"], row["row"], row["col"]) == (40, 10, 5)
    assert row["geometry_native"].area == pytest.approx(
        40 * abs(transform.a * transform.e - transform.b * transform.d)
    )


def test_past_a_pole_an_object_has_an_area_up_to_it(tmp_path):
    codes = np.full((4, 4), 200, np.uint8)
    (row,) = rows_of(stored(tmp_path, codes, Transform(0.1, 0, 20, 0, -0.1, 90.2), LONLAT))
    (inside,) = rows_of(stored(tmp_path / "b", codes[:2], Transform(0.1, 0, 20, 0, -0.1, 90.0), LONLAT))
    assert row["area_m2"] == pytest.approx(inside["area_m2"])
