"""The seam score is about 1 where no border of a tile can be seen, and more where one can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.seams import NO_RIMS, OpenBorders, SeamSteps, block_steps, rims_of, seam_steps
from sgddiff_batch.core.tiling import LatticeAxis
from sgddiff_batch.core.window import Window

AXIS = LatticeAxis(512, 96, 32)
WHOLE = Window(0, 512, 0, 512)


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 200, (512, 512), dtype=np.uint8)


def smooth():
    return (np.add.outer(np.arange(512), np.arange(512)) // 8).astype(np.uint8)


@pytest.mark.parametrize("codes", [noise(), smooth(), np.zeros((512, 512), dtype=np.uint8)])
def test_where_there_is_no_border_it_is_about_one(codes):
    assert seam_steps(codes, WHOLE, AXIS, AXIS).score == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("place", [0, 32])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_step_where_a_tile_begins_or_ends_is_seen_along_either_axis(place, axis):
    codes = np.zeros((512, 512), dtype=np.uint8)
    for tile in range(1, AXIS.count):
        np.moveaxis(codes, axis, 0)[tile * AXIS.stride_px + place :] += 20
    assert seam_steps(codes, WHOLE, AXIS, AXIS).score > 5


def test_a_step_elsewhere_is_none_of_a_seam():
    codes = np.zeros((512, 512), dtype=np.uint8)
    for tile in range(AXIS.count):
        codes[tile * AXIS.stride_px + 50 :] += 20
    assert seam_steps(codes, WHOLE, AXIS, AXIS).score <= 1


def test_no_data_takes_no_part():
    codes = noise()
    codes[:, 300:] = NO_DATA
    steps = seam_steps(codes, WHOLE, AXIS, AXIS)
    assert steps.score == pytest.approx(1, abs=0.1)
    assert seam_steps(np.full_like(codes, NO_DATA), WHOLE, AXIS, AXIS) == SeamSteps()


@given(st.sampled_from([64, 128, 192, 320]), st.integers(0, 9))
def test_parts_cut_between_lines_that_count_give_the_steps_of_the_whole(cut, seed):
    # 64 k + 10 is no border and no middle, and no row or column of fewer than 1024 px is left out.
    codes, row = noise(seed), cut + 10
    upper = seam_steps(codes[:row], Window(0, row, 0, 512), AXIS, AXIS)
    lower = seam_steps(codes[row:], Window(row, 512, 0, 512), AXIS, AXIS)
    assert upper.plus(lower) == seam_steps(codes, WHOLE, AXIS, AXIS)


def test_of_a_mosaic_of_one_tile_there_is_no_score():
    one = LatticeAxis(90, 96, 32)
    assert seam_steps(noise()[:90, :90], Window(0, 90, 0, 90), one, one).score is None
    assert SeamSteps(1, 255, 1, 10_000).score is None


BLOCK_PX, GRID = 128, Window(0, 500, 0, 470)


def mosaic(step_row=None, step_col=None):
    codes = noise(3)[: GRID.height_px, : GRID.width_px] % 8
    if step_row is not None:
        codes[step_row:] += 60
    if step_col is not None:
        codes[:, step_col:] += 60
    return codes


def cut(codes, tasks):
    """Return the steps of a mosaic's tasks, and of the borders between them, in an order of any kind."""
    borders, steps = OpenBorders(), SeamSteps()
    for window in tasks:
        part = codes[window.slices]
        steps = steps.plus(seam_steps(part, window, AXIS, AXIS)).plus(block_steps(part, BLOCK_PX))
        borders.add(rims_of(part, window, BLOCK_PX, GRID))
    return steps.plus(borders.steps)


@given(st.permutations([*GRID.split(BLOCK_PX)]), st.sampled_from([None, 128, 256, 384]))
def test_borders_of_blocks_are_the_same_however_the_mosaic_is_cut_into_tasks(tasks, step):
    codes = mosaic(step, step)
    one, many = cut(codes, [GRID]), cut(codes, tasks)
    assert (one.block, one.block_px) == (many.block, many.block_px)
    assert one.block_px == 3 * (GRID.width_px + GRID.height_px)
    if step is None:
        assert many.block_score == pytest.approx(1, abs=0.15)
    else:
        assert many.block_score > 4


def test_a_step_between_two_tasks_is_seen_and_one_beside_it_is_not():
    rows = [Window(0, 256, 0, 470), Window(256, 500, 0, 470)]
    assert cut(mosaic(256), rows).block_score > 3
    assert cut(mosaic(250), rows).block_score == pytest.approx(1, abs=0.2)
    empty = mosaic(256)
    empty[255] = NO_DATA
    assert cut(empty, rows).block_score == pytest.approx(1, abs=0.2), "no data takes no part"


def test_a_side_whose_neighbour_was_made_by_another_run_is_compared_with_nothing():
    borders = OpenBorders()
    window = Window(128, 256, 128, 256)
    borders.add(rims_of(mosaic()[window.slices], window, BLOCK_PX, GRID))
    assert borders.steps == SeamSteps()
    assert rims_of(mosaic(), GRID, BLOCK_PX, GRID) == NO_RIMS


def test_rims_of_large_blocks_are_thin():
    window, grid = Window(4096, 8192, 4096, 8192), Window(0, 9999, 0, 9999)
    rims = rims_of(np.zeros((4096, 4096), np.uint8), window, 4096, grid)
    assert [len(line) for line in (*rims.before.values(), *rims.behind.values())] == [512] * 4
