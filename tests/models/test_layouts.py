"""A task in plain numbers: what is refused, which tiles are wanted, and what is sent in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.layouts import check_task, plan_task, reflected, wanted_tiles
from tests.models.tile_examples import OVERLAP_PX, TILE_PX, scene_task

STRIDE = TILE_PX - OVERLAP_PX


@pytest.mark.parametrize(
    ("pixels", "valid", "message"),
    [
        (np.zeros((3, 64, 64), np.float32), np.ones((64, 64), bool), "pixels must be"),
        (np.zeros((3, 64, 64), np.uint8), np.ones((64, 60), bool), "valid must be"),
        (np.zeros((3, 32, 64), np.uint8), np.ones((32, 64), bool), "lie outside"),
    ],
)
def test_tasks_that_do_not_fit_their_layout_are_refused(pixels, valid, message):
    with pytest.raises(ValueError, match=message):
        check_task(pixels, valid, scene_task(64, 64)[2])


def test_layouts_that_do_not_add_up_are_refused():
    pixels, valid, tiles = scene_task(100, 64)
    with pytest.raises(ValueError, match="weights must be"):
        check_task(pixels, valid, replace(tiles, row_weights=tiles.row_weights[:1]))
    with pytest.raises(ValueError, match="1 to 64 px"):
        check_task(pixels, valid, replace(tiles, row_sizes=tiles.row_sizes + 1))
    with pytest.raises(ValueError, match="1 to 64 px"):
        check_task(pixels, valid, replace(tiles, col_sizes=tiles.col_sizes[:0]))
    with pytest.raises(ValueError, match="32-bit"):
        check_task(pixels, valid, replace(tiles, weight_sum=3000))
    with pytest.raises(ValueError, match="only the last may reach past"):
        check_task(pixels, valid, replace(tiles, row_starts=np.array([40, 48])))


def test_only_tiles_whose_present_part_is_valid_somewhere_are_wanted():
    valid = np.zeros((150, 130), dtype=bool)
    valid[149, 0] = True
    assert wanted_tiles(valid, scene_task(150, 130)[2]) == [(2, 0)]


def test_wanted_tiles_come_one_shape_after_the_other_and_row_by_row_within_it():
    plan = plan_task(*scene_task(250, 150, tile_px=128))
    assert [shape for shape, _ in plan.groups] == [(128, 128), (128, 96), (96, 128), (96, 96)]
    assert [count for _, count in plan.groups] == [2, 2, 1, 1]
    assert plan.starts == [(0, 0), (96, 0), (0, 64), (96, 64), (160, 0), (160, 64)]
    assert [place for _, place in sorted(zip(plan.starts, plan.shapes, strict=True))][-1] == (96, 96)


def test_a_task_of_one_small_tile_has_a_frame_of_that_tile():
    plan = plan_task(*scene_task(40, 70, tile_px=128))
    assert (plan.frame_px, plan.groups) == ((64, 96), [((64, 96), 1)])


@pytest.mark.parametrize(("start", "length"), [(0, 64), (48, 64), (48, 50), (48, 49), (0, 3), (0, 33)])
def test_reflection_is_that_of_numpy_inside_the_present_part(start, length):
    present = np.arange(start, min(start + TILE_PX, length))
    expected = np.pad(present, (0, TILE_PX - len(present)), mode="reflect")
    assert np.array_equal(reflected(start, TILE_PX, length), expected)


def test_a_frame_has_room_for_what_is_reflected_and_no_more():
    pixels, valid, tiles = scene_task(150, 112)
    assert plan_task(pixels, valid, tiles).frame_px == (2 * STRIDE + TILE_PX, 112)
    assert plan_task(pixels, valid, tiles).device_bytes > 160 * 112 * 8


@pytest.mark.parametrize("least_px", [1, 5000, 10**9])
@pytest.mark.parametrize("tile_px", [TILE_PX, 2 * TILE_PX])
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (300, 90), (333, 200)])
def test_bands_are_all_rows_once_and_hold_the_tiles_that_are_told(size, tile_px, least_px):
    plan = plan_task(*scene_task(*size, tile_px=tile_px))
    sent = told = 0
    for rows, count in plan.bands(least_px):
        assert rows.start == sent
        sent, told = rows.stop, told + count
        assert sent == size[0] or (rows.stop - rows.start) * size[1] >= least_px
        here = zip(plan.starts[:told], plan.shapes, strict=False)
        assert all(row + height <= sent or sent == size[0] for (row, _), (height, _) in here)
    assert (sent, told) == (size[0], len(plan.starts))


def test_the_first_band_of_a_tall_task_is_one_row_of_tiles():
    plan = plan_task(*scene_task(333, 200))
    rows, count = next(plan.bands(1))
    assert rows == slice(0, TILE_PX)
    assert count == sum(row == 0 for row, _ in plan.starts)
