"""The seam score is about 1 where no border of a tile can be seen, and more where one can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.seams import SeamSteps, seam_steps
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
