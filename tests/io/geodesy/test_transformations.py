"""Points go to another CRS as GDAL takes them there; one without a place spoils no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from sgddiff_batch.io.geodesy.transformations import to_crs

LONLAT, UTM33, WEB = (CRS.from_epsg(code) for code in (4326, 32633, 3857))


def test_a_known_point_is_where_it_must_be():
    x, y = to_crs(LONLAT, UTM33, np.array([15.0]), np.array([0.0]))
    assert x == pytest.approx([500_000.0], abs=1e-3)
    assert y == pytest.approx([0.0], abs=1e-3)


def test_x_is_the_longitude_whatever_order_an_authority_gives():
    x, y = to_crs(LONLAT, WEB, np.array([180.0, 0.0]), np.array([0.0, 45.0]))
    assert x == pytest.approx([20037508.34, 0.0], abs=0.01)
    assert y == pytest.approx([0.0, 5621521.49], abs=0.01)


def test_points_of_the_same_crs_stay_as_they_are_to_the_bit():
    x, y = np.array([1e300, np.nan]), np.array([0.1, 95.0])
    for found, given_ in zip(to_crs(LONLAT, CRS.from_epsg(4326), x, y), (x, y), strict=True):
        assert found is given_


def test_one_point_without_a_place_spoils_no_other():
    x, y = to_crs(LONLAT, WEB, np.array([10.0, 10.0, 20.0]), np.array([0.0, 95.0, 0.0]))
    assert np.isfinite(x).tolist() == np.isfinite(y).tolist() == [True, False, True]
    alone = to_crs(LONLAT, WEB, np.array([10.0, 20.0]), np.array([0.0, 0.0]))
    np.testing.assert_array_equal(x[[0, 2]], alone[0])
    np.testing.assert_array_equal(y[[0, 2]], alone[1])


def test_where_no_point_has_a_place_all_are_infinite():
    x, y = to_crs(LONLAT, WEB, np.array([0.0, 1.0]), np.array([100.0, -100.0]))
    assert not np.isfinite(x).any()
    assert not np.isfinite(y).any()


def test_no_points_are_no_points():
    x, y = to_crs(LONLAT, UTM33, np.array([]), np.array([]))
    assert (len(x), len(y)) == (0, 0)


@given(st.lists(st.tuples(st.floats(9.0, 21.0), st.floats(-80.0, 84.0)), min_size=1, max_size=20))
def test_there_and_back_is_the_same_place(points):
    lon, lat = (np.array(side) for side in zip(*points, strict=True))
    back_lon, back_lat = to_crs(UTM33, LONLAT, *to_crs(LONLAT, UTM33, lon, lat))
    np.testing.assert_allclose(back_lon, lon, atol=1e-7)
    np.testing.assert_allclose(back_lat, lat, atol=1e-7)
