"""Explaining: the tiles named are those that make the pixel, and no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.blending import blend
from sgddiff_batch.core.explaining import block_at, pixel_at, probability, tiles_at, weight_total
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window


@st.composite
def pixels_of_lattices(draw):
    """A lattice whose least weight still moves a code by itself, and a pixel of it."""
    overlap = draw(st.integers(0, 20))
    tile = draw(st.integers(max(1, 2 * overlap), 2 * overlap + 12))
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    row, col = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return Lattice(height, width, tile, overlap), row, col


def painted_by(lattice, tile, row, col):
    """The code of a pixel where the network gives 254 for one tile and 0 for all others."""
    place = lattice.rows.span(tile[0])[0], lattice.cols.span(tile[1])[0]

    def paint(pixels, origin):
        hit = origin == place
        return np.full(pixels.shape[1:], 254 if hit else 0, np.uint8)

    target = Window(row, row + 1, col, col + 1)
    halo = lattice.halo(target)
    shape = halo.height_px, halo.width_px
    tiles = lattice.task_tiles(target)
    return int(blend(paint, np.ones((3, *shape), np.uint8), np.ones(shape, bool), tiles)[0, 0])


@given(pixels_of_lattices())
def test_the_weights_sum_to_the_constant_and_the_tiles_are_those_that_change_the_pixel(case):
    lattice, row, col = case
    shares = tiles_at(lattice, row, col)
    assert sum(share.weight for share in shares) == weight_total(lattice)
    weights = {(share.row, share.col): share.weight for share in shares}
    for tile in [(i, j) for i in range(lattice.rows.count) for j in range(lattice.cols.count)]:
        expected = (254 * weights.get(tile, 0) + weight_total(lattice) // 2) // weight_total(lattice)
        assert painted_by(lattice, tile, row, col) == expected
        assert (expected > 0) == (tile in weights)


@given(pixels_of_lattices())
def test_a_tiles_window_holds_the_pixel_and_ends_at_the_edge(case):
    lattice, row, col = case
    for share in tiles_at(lattice, row, col):
        assert share.window.contains(Window(row, row + 1, col, col + 1))
        assert Window(0, lattice.height_px, 0, lattice.width_px).contains(share.window)
        (top, bottom), (left, right) = lattice.rows.span(share.row), lattice.cols.span(share.col)
        assert (share.window.row_start, share.window.col_start) == (top, left)
        whole = (share.window.height_px, share.window.width_px) == (bottom - top, right - left)
        assert share.reflects != whole


@pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, -1), (40, 0), (0, 50)])
def test_a_pixel_outside_of_the_mosaic_is_refused(row, col):
    with pytest.raises(ValueError, match="40"):
        tiles_at(Lattice(40, 40, 12, 4), row, col)
    with pytest.raises(ValueError, match="40 rows and 50 columns"):
        block_at(Grid(40, 50), 16, row, col)


@given(
    st.integers(0, 99),
    st.integers(0, 59),
    st.sampled_from(
        [
            Transform(10, 0, 499980, 0, -10, 5000040),
            Transform(0.1, 0, 5, 0, 0.1, 50),
            Transform(10, 3, 499980, 2, -10, 5000040),
            Transform(0, 10, 499980, 10, 0, 5000040),
        ]
    ),
)
def test_the_centre_of_a_pixel_leads_back_to_it(row, col, transform):
    grid = Grid(100, 60, transform)
    assert pixel_at(grid, *transform.apply(col + 0.5, row + 0.5)) == (row, col)


@pytest.mark.parametrize("point", [(499979.0, 5000000.0), (500580.0, 5000000.0), (float("nan"), 1.0)])
def test_a_point_off_the_grid_is_refused(point):
    with pytest.raises(ValueError, match="the point"):
        pixel_at(Grid(100, 60, Transform(10, 0, 499980, 0, -10, 5000040)), *point)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_block_of_a_pixel_is_one_of_the_mosaics_blocks(height, width, data):
    grid, block_px = Grid(height, width), data.draw(st.integers(1, 20))
    row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    block = block_at(grid, block_px, row, col)
    assert block in set(grid.window.split(block_px))
    assert block.contains(Window(row, row + 1, col, col + 1))


def test_codes_are_probabilities_but_for_no_data():
    assert (probability(0), probability(127), probability(254), probability(255)) == (0.0, 0.5, 1.0, None)
