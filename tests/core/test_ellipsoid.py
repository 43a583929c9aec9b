"""Areas and lengths on the ellipsoid are those that PROJ measures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from sgddiff_batch.core.ellipsoid import degree_m, zones_m2

GEOD = Geod(ellps="WGS84")


@given(st.floats(-89, 88), st.floats(0.01, 1))
def test_a_rectangle_of_degrees_has_its_geodesic_area(south, height):
    lats = np.linspace(south, south + height, 2)
    low, high = zones_m2(lats)
    # Short steps: edges of PROJ are geodesics, and those of the rectangle are parallels.
    lon = np.linspace(0, 1, 400)
    lon, lat = np.concatenate([lon, lon[::-1]]), np.repeat(lats, 400)
    wanted = abs(GEOD.polygon_area_perimeter(lon, lat)[0])
    assert (high - low) * np.radians(1) == pytest.approx(wanted, rel=1e-5)


def test_the_whole_ellipsoid_is_510_million_square_kilometres():
    south, north = zones_m2(np.array([-90.0, 90.0]))
    assert (north - south) * 2 * np.pi == pytest.approx(5.10065621724e14, rel=1e-11)


@given(st.floats(-89.9, 89.9))
def test_a_degree_is_as_long_as_a_short_geodesic_says(lat):
    east, north = degree_m(np.array([lat]))
    assert east[0] == pytest.approx(GEOD.inv(0, lat, 1e-4, lat)[2] * 1e4, rel=1e-5)
    assert north[0] == pytest.approx(GEOD.inv(0, lat, 0, lat + 1e-4)[2] * 1e4, rel=1e-4)
