"""The edges of a grid are a line on the globe without a jump, closed or about a pole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.geodesy.rings import Globe, OffTheMapError


def globe(code: int) -> Globe:
    return Globe(CRS.from_epsg(code))


UTM33, LONLAT, POLAR, WEB = map(globe, (32633, 4326, 3413, 3857))
NORTH_UP = Transform(10, 0, 500_000, 0, -10, 5_300_000)


def test_a_ring_begins_at_the_first_pixel_s_corner_and_is_closed():
    ring = UTM33.ring(100, 200, NORTH_UP)
    lon, lat = UTM33.places(np.array([500_000.0]), np.array([5_300_000.0]))
    assert (ring.lon[0], ring.lat[0]) == (lon[0], lat[0])
    assert (ring.lon[0], ring.lat[0], ring.turns) == (ring.lon[-1], ring.lat[-1], 0)


def test_all_four_corners_are_on_the_ring():
    ring = UTM33.ring(100, 200, NORTH_UP)
    x = np.array([500_000.0, 502_000.0, 502_000.0, 500_000.0])
    y = np.array([5_300_000.0, 5_300_000.0, 5_299_000.0, 5_299_000.0])
    for lon, lat in zip(*UTM33.places(x, y), strict=True):
        assert np.hypot(ring.lon - lon, ring.lat - lat).min() < 1e-9


@given(st.integers(-179, 179), st.integers(-60, 50), st.integers(1, 50), st.integers(1, 50))
def test_degrees_are_taken_as_they_are(west, south, height, width):
    ring = LONLAT.ring(height, width, Transform(0.5, 0, west, 0, -0.5, south + 0.5 * height))
    assert ring.turns == 0
    assert (ring.lon.min(), ring.lon.max()) == pytest.approx((west, west + 0.5 * width))
    assert (ring.lat.min(), ring.lat.max()) == pytest.approx((south, south + 0.5 * height))


def test_a_line_across_the_antimeridian_goes_on_past_it():
    # Zone 1 begins at 180 degrees, where x is 166 km at the equator.
    ring = globe(32601).ring(20, 60, Transform(1000, 0, 136_000, 0, -1000, 10_000))
    assert ring.turns == 0
    assert np.abs(np.diff(ring.lon)).max() < 1
    assert ring.lon.max() - ring.lon.min() == pytest.approx(60 / 111.3, rel=0.01)
    assert (ring.lon % 360).min() < 180 < (ring.lon % 360).max()


def test_a_line_about_a_pole_ends_a_turn_after_its_beginning():
    square, flipped = (Transform(1e4, 0, -1e6, 0, -s * 1e4, s * 1e6) for s in (1, -1))
    ring = POLAR.ring(200, 200, square)
    assert abs(ring.turns) == 1
    assert ring.lon[-1] - ring.lon[0] == pytest.approx(360 * ring.turns)
    assert np.abs(np.diff(ring.lon)).max() <= 15 + 1e-9
    assert POLAR.ring(200, 200, flipped).turns == -ring.turns


def test_beside_a_pole_points_are_put_between_those_far_apart():
    # The pole lies a pixel inside of the upper edge.
    ring = POLAR.ring(200, 200, Transform(1e4, 0, -1e6, 0, -1e4, 1e4))
    assert abs(ring.turns) == 1
    assert np.abs(np.diff(ring.lon)).max() <= 15 + 1e-9
    assert len(ring.lon) > 4 * 16 + 1


def test_a_grid_of_points_ends_at_the_poles():
    ring = LONLAT.ring(181, 360, Transform(1, 0, -180.5, 0, -1, 90.5))
    assert (ring.lat.min(), ring.lat.max()) == (-90, 90)


@pytest.mark.parametrize(
    ("where", "transform"),
    [(LONLAT, Transform(1, 0, 0, 0, -1, 100)), (UTM33, Transform(1e7, 0, 0, 0, -1e7, 1e9))],
)
def test_edges_without_a_place_are_off_the_map(where, transform):
    with pytest.raises(OffTheMapError):
        where.ring(20, 20, transform)


def test_degrees_past_a_half_turn_count_on():
    lon, lat = LONLAT.places(np.array([170.0, 190.0, 370.0, -190.0]), np.zeros(4))
    np.testing.assert_array_equal(lon, [170, 190, 370, -190])
    np.testing.assert_array_equal(lat, np.zeros(4))


def test_degrees_of_another_unit_and_meridian_are_those_of_greenwich():
    # NTF (Paris) counts gons from Paris, 2.337 degrees east of Greenwich.
    lon, lat = globe(4807).places(np.array([0.0, 100.0]), np.array([50.0, 50.0]))
    np.testing.assert_allclose(lon, [2.337, 92.337], atol=0.01)
    np.testing.assert_allclose(lat, [45.0, 45.0], atol=0.01)


def test_degrees_of_another_body_are_told_without_a_warning_and_have_no_place_here():
    mars = (
        'GEOGCS["Mars 2000",DATUM["D_Mars_2000",SPHEROID["Mars_2000_IAU_IAG",3396190,169.8944472]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
    )
    globe = Globe(CRS.from_wkt(mars))
    with pytest.raises(OffTheMapError):
        globe.ring(4, 4, Transform(1, 0, 10, 0, -1, 10))


def test_points_inside_are_inside_and_those_without_a_place_are_left_out():
    lon, lat = LONLAT.inside(10, 20, Transform(1, 0, 0, 0, -1, 10))
    assert len(lon) == len(lat) == 9
    assert lon.min() > 0
    assert lon.max() < 20
    assert lat.min() > 0
    assert lat.max() < 10
    lon, _ = globe(3035).inside(10, 10, Transform(1e30, 0, 0, 0, -1e30, 0))
    assert len(lon) == 0
