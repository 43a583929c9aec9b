"""Outlines are GDAL's: valid polygons whose rings touch in points at most."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given

from sgddiff_batch.core.outlines import rings_of
from sgddiff_batch.core.regions import Corners
from tests.core.region_examples import (
    MASKS,
    code_pictures,
    normal,
    polygons_by_blocks,
    polygons_by_gdal,
    polygons_of,
    regions_by_blocks,
)


@pytest.mark.parametrize("name", MASKS)
def test_outlines_are_those_that_gdal_draws(name):
    mask = MASKS[name]
    assert normal(polygons_by_blocks(mask * 200, 99, 1, 1)) == normal(polygons_by_gdal(mask))


@given(code_pictures())
def test_outlines_of_any_picture_are_valid_and_those_that_gdal_draws(codes):
    found = polygons_by_blocks(codes, 99, 50, 50)
    assert all(map(shapely.is_valid, found))
    assert normal(found) == normal(polygons_by_gdal((codes >= 50) & (codes != 255)))


def test_outer_rings_run_counter_clockwise_where_rows_go_upwards_and_holes_clockwise():
    (polygon,) = polygons_of(
        rings_of(regions_by_blocks(MASKS["a loop that closes in a point"], 9, 1, 1).corners)
    )
    assert polygon.exterior.is_ccw
    assert [hole.is_ccw for hole in polygon.interiors] == [False]


@pytest.mark.parametrize("charge", [[1], [1, -1]])
def test_corners_of_a_part_of_a_region_are_refused(charge):
    place = np.arange(len(charge), dtype=np.int64)
    corners = Corners(np.zeros_like(place), place, place, np.array(charge, np.int64))
    with pytest.raises(ValueError, match="whole regions"):
        rings_of(corners)
