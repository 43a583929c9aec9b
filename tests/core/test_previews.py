"""A preview is small, shows every object, and lies where its mosaic says."""

from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.previews import PART_PX, SIDE_PX, brightest, preview_of
from sgddiff_batch.core.window import Window


def scene(height, width, halo=None):
    """Codes without data of a window of that size, and pixels that tell their row and column."""
    grid = Window(0, height, 0, width)
    rows, cols = np.mgrid[:height, :width]
    pixels = np.stack([rows % 256, cols % 256, rows // 256]).astype(np.uint8)
    return np.full((height, width), NO_DATA, dtype=np.uint8), pixels, grid


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (256, 256), (257, 40), (560, 300), (1536, 1535)])
def test_a_small_mosaic_is_shown_whole_by_sides_that_fit(shape):
    codes, pixels, grid = scene(*shape)
    codes[:] = 0
    shown = preview_of(codes, pixels, grid, grid, grid)
    times = -(-max(shape) // SIDE_PX)
    assert shown.codes.shape == tuple(-(-side // times) for side in shape)
    assert shown.pixels.shape == (3, *shown.codes.shape)
    assert max(shown.codes.shape) <= SIDE_PX
    assert (shown.window, shown.is_whole) == (grid, True)


def test_no_single_salient_pixel_is_lost_and_no_data_hides_none():
    codes, pixels, grid = scene(600, 601)
    codes[:300] = 0
    codes[0, 0], codes[299, 600], codes[599, 600] = 7, 254, 1
    shown = preview_of(codes, pixels, grid, grid, grid).codes
    assert (shown[0, 0], shown[99, -1], shown[-1, -1]) == (7, 254, 1)
    assert (shown[:100] != NO_DATA).all()
    assert (shown[100:] == NO_DATA).sum() == shown[100:].size - 1


def test_pixels_are_those_of_their_places():
    codes, pixels, grid = scene(250, 200)
    halo = Window(0, 260, 0, 210)
    wide = np.zeros((3, 260, 210), dtype=np.uint8)
    wide[:, :250, :200] = pixels
    np.testing.assert_array_equal(preview_of(codes, wide, grid, halo, grid).pixels, pixels)
    codes, pixels, grid = scene(256, 400)
    half = preview_of(codes, pixels, grid, grid, grid).pixels
    assert np.abs(half[0, :, 0].astype(int) - (2 * np.arange(128) + 0.5)).max() <= 1.5


def test_what_is_made_of_several_scenes_is_shown_without_one():
    codes, pixels, grid = scene(560, 300)
    codes[:40] = 9
    alone, beside = (preview_of(codes, there, grid, grid, grid) for there in (None, pixels))
    assert alone.pixels is None
    np.testing.assert_array_equal(alone.codes, beside.codes)
    assert (alone.window, alone.weight) == (beside.window, beside.weight)


def test_of_a_small_mosaic_that_is_cut_into_tasks_no_strip_is_shown():
    codes, pixels, grid = scene(256, 600)
    upper = Window(0, 128, 0, 600)
    assert preview_of(codes[:128], pixels, upper, grid, grid) is None


def test_of_a_task_of_a_large_mosaic_the_most_salient_part_is_shown_at_its_place():
    window, halo, grid = Window(2048, 4096, 0, 2000), Window(1984, 4160, 0, 2064), Window(0, 9000, 0, 9000)
    codes = np.zeros((2048, 2000), dtype=np.uint8)
    codes[1500:1540, 1900:1940] = 200
    pixels = np.zeros((3, 2176, 2064), dtype=np.uint8)
    pixels[:, 1564:1604, 1900:1940] = 99
    shown = preview_of(codes, pixels, window, halo, grid)
    assert (shown.window.height_px, shown.window.width_px) == (PART_PX, PART_PX)
    assert window.contains(shown.window)
    assert not shown.is_whole
    np.testing.assert_array_equal(shown.codes >= 200, shown.pixels[0] >= 24)
    assert (shown.codes == 200).any()
    empty = preview_of(np.zeros_like(codes), pixels, window, halo, grid)
    assert (shown.weight > 0, empty.weight) == (True, 0)


def test_where_nothing_is_salient_it_is_the_middle():
    assert brightest(np.zeros((100, 60), dtype=np.uint8), 20) == (40, 20)
    bright = np.zeros((100, 60), dtype=np.uint8)
    bright[80:, 45:] = 9
    assert brightest(bright, 20) == (80, 40)
