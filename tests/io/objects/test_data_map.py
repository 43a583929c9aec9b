"""The data map never says that there is data where there is none, and says so where there is enough."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.io.geodesy import Ground
from sgddiff_batch.io.objects.data_map import DataMap
from tests.io.mosaic_examples import LONLAT

DEGREES = Transform(0.01, 0, 20, 0, -0.01, 10)
GROUND = Ground(LONLAT)


def mapped(codes, block_px=24, transform=DEGREES):
    grid = Grid(*codes.shape, transform, LONLAT)
    data = DataMap(grid, block_px)
    for block in grid.window.split(block_px):
        data.add(block, codes[block.slices])
    return data.on_globe(GROUND)


def pixel(row, col):
    return shapely.box(20 + col * 0.01, 10 - (row + 1) * 0.01, 20 + (col + 1) * 0.01, 10 - row * 0.01)


def test_all_of_it_is_the_footprint_also_of_odd_sizes():
    found = shapely.from_wkb(mapped(np.zeros((50, 61), np.uint8)))
    assert found.bounds == pytest.approx((20, 9.5, 20.61, 10))
    assert found.area == pytest.approx(0.5 * 0.61)


def test_no_pixel_without_data_is_in_it_and_most_of_the_others_are():
    codes = np.zeros((60, 70), np.uint8)
    codes[20:31, 5:40] = 255
    codes[50, 50] = 255
    found = shapely.from_wkb(mapped(codes))
    empty = shapely.union_all([pixel(row, col) for row, col in zip(*np.nonzero(codes == 255), strict=True)])
    assert found.intersection(empty).area < 1e-9
    assert found.area > 0.9 * (codes != 255).sum() * 1e-4


def test_nothing_but_no_data_and_no_place_are_nothing():
    assert mapped(np.full((9, 9), 255, np.uint8)) == b""
    data = DataMap(Grid(9, 9), 24)
    assert data.on_globe(None) == b""


@pytest.mark.parametrize(
    ("block_px", "cell_px"), [(4096, 64), (4095, 45), (4080, 40), (2 * 2039, 2039), (4093, 4093)]
)
def test_a_large_mosaic_has_a_coarse_map_whatever_its_blocks(block_px, cell_px):
    data = DataMap(Grid(40_000, 40_000, DEGREES, LONLAT), block_px)
    assert data._cell == cell_px
    assert max(data._mask.shape) <= 1024


def test_blocks_of_odd_sides_lie_in_the_map_where_they_are():
    codes = np.zeros((75, 75), np.uint8)
    codes[50:, 25:50] = 255
    found = shapely.from_wkb(mapped(codes, block_px=25))
    assert found.area == pytest.approx((75 * 75 - 25 * 25) * 1e-4)
