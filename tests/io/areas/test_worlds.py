"""Where a map ends and goes on at its other end, or that it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from sgddiff_batch.io.areas.worlds import World, area_of_use, central_longitude, world_of
from tests.io.mosaic_examples import NO_CODE

HALF = 20037508.342789244


def wkt(code: int | str) -> str:
    return CRS.from_user_input(f"EPSG:{code}" if isinstance(code, int) else code).to_wkt()


@pytest.mark.parametrize(
    ("crs", "west", "turn"),
    [
        (4326, -180, 360),
        (4258, -180, 360),
        (4807, -200, 400),  # gons
        (3857, -HALF, 2 * HALF),
        (3832, -HALF, 2 * HALF),  # about 150 degrees east, where its x is 0
        ("+proj=eqc +lon_0=90 +x_0=1000 +datum=WGS84", 1000 - HALF, 2 * HALF),
        ("+proj=cea +datum=WGS84", -HALF, 2 * HALF),
    ],
)
def test_degrees_and_cylinders_have_a_world(crs, west, turn):
    world = world_of(wkt(crs))
    assert world is not None
    assert (world.west, world.turn) == pytest.approx((west, turn))


@pytest.mark.parametrize("crs", [32633, 3413, 3035, 8857, 4978])
def test_where_a_turn_is_no_length_along_x_there_is_none(crs):
    assert world_of(wkt(crs)) is None


@given(st.integers(-180, 180), st.integers(0, 360))
def test_columns_leave_a_world_exactly_where_they_reach_past_an_end(low, width):
    world = World(-180.0, 360.0)
    high = low + width
    assert world.is_left_by(low, high) == (high > 180.0 + 1e-6 * min(360.0, width))
    assert world.is_left_by(-high, -low) == world.is_left_by(low, high)


def test_rounding_leaves_no_world():
    world = World(-HALF, 2 * HALF)
    assert not world.is_left_by(-HALF - 1e-6, HALF + 1e-6)
    assert world.is_left_by(-HALF, HALF + 1000)


@pytest.mark.parametrize(
    ("crs", "lon"), [(32633, 15), (32601, -177), (3832, 150), (3857, 0), (3413, -45), (27572, 2.337)]
)
def test_the_middle_of_a_map_is_its_own_degrees_from_greenwich(crs, lon):
    assert central_longitude(wkt(crs)) == pytest.approx(lon, abs=1e-3)


@pytest.mark.parametrize("crs", [4326, 4978])
def test_degrees_and_what_is_no_map_have_no_middle(crs):
    assert central_longitude(wkt(crs)) is None


def test_the_area_of_use_is_that_of_the_authority_and_widened():
    assert area_of_use(wkt(32633), 0.0).bounds == pytest.approx((12, 0, 18, 84))
    assert area_of_use(wkt(32633), 6.0).bounds == pytest.approx((6, -6, 24, 90))


def test_an_area_of_use_across_the_antimeridian_goes_on_past_it():
    west, _, east, _ = area_of_use(wkt(3832), 0.0).bounds
    assert 0 < west < 180 < east < 360


def test_nobody_says_where_a_crs_without_a_code_is_used():
    assert area_of_use(NO_CODE, 6.0) is None
