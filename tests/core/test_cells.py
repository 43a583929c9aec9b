from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.cells import MOST_CELL_PX, Cell, CellGrid, aligned_offset, turned_offsets
from sgddiff_batch.core.grid import Grid, Transform

GRIDS = st.builds(
    CellGrid,
    st.just("crs"),
    st.sampled_from([0.1, 0.3, 0.5, 1.0, 10.0, 1e-5, 2.5]),
    st.integers(1, 5000),
    st.tuples(st.sampled_from([0.0, 0.25, -100.0, 5e5]), st.sampled_from([0.0, 7.0, -1e6])),
)
CELLS = st.builds(Cell, st.integers(-5000, 5000), st.integers(-5000, 5000))


@given(GRIDS, CELLS)
def test_the_box_of_a_cell_touches_that_cell_alone(grid, cell):
    assert list(grid.cells_in(grid.box(cell))) == [cell]


@given(GRIDS, CELLS)
def test_neighbours_share_their_edge_to_the_last_bit(grid, cell):
    east, north = Cell(cell.x + 1, cell.y), Cell(cell.x, cell.y + 1)
    here = grid.grid(cell).transform
    assert grid.grid(east).transform.f == here.f
    assert grid.grid(north).transform.c == here.c
    assert grid.box(cell)[2] == pytest.approx(grid.box(east)[0], abs=grid.resolution * 1e-3)
    assert grid.box(cell)[3] == here.f


@given(GRIDS, CELLS, st.integers(1, 300), st.integers(1, 300))
def test_the_cells_of_a_box_cover_it_and_none_lies_outside(grid, cell, height, width):
    left, bottom, _, _ = grid.box(cell)
    box = (left, bottom, left + width * grid.side / 100, bottom + height * grid.side / 100)
    found = list(grid.cells_in(box))
    assert len(found) == len(set(found)) == grid.count_in(box)
    assert len(found) == math.ceil(width / 100 - 1e-9) * math.ceil(height / 100 - 1e-9)
    assert cell in found


@given(GRIDS, CELLS, st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60))
def test_a_grid_of_the_same_pixels_is_found_where_it_was_put(grid, cell, row, col, height, width):
    outer = grid.grid(cell)
    corner = outer.transform.apply(col, row)
    res = grid.resolution
    inner = Grid(height, width, Transform(res, 0, corner[0], 0, -res, corner[1]), "crs")
    assert aligned_offset(inner, outer) == (row, col)


@pytest.mark.parametrize(
    "transform",
    [
        Transform(10, 0, 0.1, 0, -10, 0),
        Transform(10, 0, 0, 0, -10, 5),
        Transform(20, 0, 0, 0, -20, 0),
        Transform(10.001, 0, 0, 0, -10, 0),
        Transform(10, 0, 0, 0, 10, 0),
        Transform(-10, 0, 0, 0, -10, 0),
        Transform(10, 1e-3, 0, 0, -10, 0),
        Transform(10, 0, 1e30, 0, -10, 0),
    ],
)
def test_other_pixels_are_not_taken_for_the_same(transform):
    assert aligned_offset(Grid(100, 100, transform), Grid(100, 100, Transform(10, 0, 0, 0, -10, 0))) is None


def test_a_scene_that_ends_at_the_edge_does_not_touch_the_next_cell():
    grid = CellGrid("crs", 10, 100)
    assert list(grid.cells_in((0, 0, 1000, 1000))) == [Cell(0, 0)]
    assert list(grid.cells_in((0, 0, 1000.001, 1000))) == [Cell(0, 0)]
    assert list(grid.cells_in((0, 0, 1001, 1000))) == [Cell(0, 0), Cell(1, 0)]
    assert list(grid.cells_in((-1, -1, 0, 0))) == [Cell(-1, -1)]
    assert list(grid.cells_in((5, 5, 5, 5))) == [Cell(0, 0)]


@pytest.mark.parametrize(
    "box", [(0, 0, -1, 1), (0, 0, 1, -1), (math.nan, 0, 1, 1), (0, 0, math.inf, 1), (0, -math.inf, 1, 1)]
)
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(ValueError, match="a box needs"):
        list(CellGrid("crs", 10, 100).cells_in(box))


@pytest.mark.parametrize(
    ("resolution", "cell_px", "origin"),
    [
        (0, 1, (0, 0)),
        (-1, 1, (0, 0)),
        (math.nan, 1, (0, 0)),
        (math.inf, 1, (0, 0)),
        (1, 0, (0, 0)),
        (1, MOST_CELL_PX + 1, (0, 0)),
        (1, 1, (math.nan, 0)),
    ],
)
def test_a_lattice_that_is_none_is_refused(resolution, cell_px, origin):
    with pytest.raises(ValueError, match="must be"):
        CellGrid("crs", resolution, cell_px, origin)


def test_names_of_cells_differ():
    cells = [Cell(x, y) for x in range(-12, 13) for y in range(-12, 13)]
    assert len({cell.name for cell in cells}) == len(cells)
    assert Cell(12, -3).name == "x12y-3"


@pytest.mark.parametrize(
    ("left", "width", "wanted"),
    [
        (-180.0, 4, [(0, 0, 4)]),
        (179.0, 4, [(0, -2, 4)]),
        (178.0, 4, []),
        (-178.0, 4, []),
        (-180.0, 722, [(0, 0, 720)]),
        (-178.5, 720, [(0, -717, 720), (0, 3, 720)]),
        (539.5, 2, [(0, -1, 2)]),
    ],
)
def test_on_a_lattice_of_degrees_a_grid_is_found_from_either_side_of_the_antimeridian(left, width, wanted):
    cell = Grid(4, 4, Transform(0.5, 0, -180, 0, -0.5, 10), "crs")
    inner = Grid(4, width, Transform(0.5, 0, left, 0, -0.5, 10), "crs")
    assert turned_offsets(inner, cell, 720.0) == wanted


def test_where_a_turn_is_no_whole_number_of_pixels_a_turned_grid_has_other_pixels():
    cell = Grid(4, 4, Transform(0.7, 0, -180, 0, -0.7, 10), "crs")
    turn = 360 / 0.7
    assert turned_offsets(cell, cell, turn) == [(0, 0, 4)]
    there = Grid(4, 4, Transform(0.7, 0, -180 + 514 * 0.7, 0, -0.7, 10), "crs")
    assert aligned_offset(there, cell) == (0, 514)
    assert turned_offsets(there, cell, turn) is None
