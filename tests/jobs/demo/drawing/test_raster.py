"""Shapes become colours and cover, a cell of the picture at a time."""

import numpy as np
import pytest

from jobs.demo.drawing.raster import drawn
from jobs.demo.drawing.shapes import box, disc, polygon

RED, BLUE = (200.0, 20.0, 10.0), (10.0, 20.0, 200.0)


def _whole(shapes, size, blur_px=0.0):
    """Cover (h, w) and colours (h, w, 3) of a whole picture, and how often each pixel was given."""
    cover, colour = np.zeros(size), np.zeros((*size, 3))
    given = np.zeros(size, dtype=int)
    for window, colours, covers in drawn(shapes, size, blur_px):
        cover[window], colour[window] = covers, colours
        given[window] += 1
    return cover, colour, given


def test_a_rectangle_covers_its_pixels_and_no_others():
    cover, colour, _ = _whole([box(10, 20, 30, 25, RED)], (40, 50))
    wanted = np.zeros((40, 50))
    wanted[20:25, 10:30] = 1
    # PIL fills a polygon's far edges too, which is a quarter of a pixel here.
    assert np.abs(cover - wanted).max() <= 0.5
    assert (cover[wanted == 1] == 1).all()
    np.testing.assert_allclose(colour[22, 20], RED, atol=1)


def test_cells_of_a_large_picture_do_not_overlap_and_join_without_a_seam():
    cover, colour, given = _whole([box(-50, -50, 900, 900, BLUE)], (400, 450))
    assert (given == 1).all()
    assert (cover == 1).all()
    assert np.abs(colour - BLUE).max() < 1


def test_the_later_shapes_hide_the_earlier_ones():
    shapes = [box(0, 0, 20, 20, RED), box(5, 5, 15, 15, BLUE)]
    _, colour, _ = _whole(shapes, (20, 20))
    np.testing.assert_allclose(colour[10, 10], BLUE, atol=1)
    np.testing.assert_allclose(colour[2, 2], RED, atol=1)


@pytest.mark.parametrize(
    "shapes", [[], [box(-30, -30, -10, -10, RED)], [box(100, 0, 120, 9, RED)], [box(0, 90, 9, 99, RED)]]
)
def test_what_lies_outside_the_picture_is_not_drawn(shapes):
    assert list(drawn(shapes, (80, 90))) == []


def test_only_what_is_covered_is_looked_at():
    windows = [window for window, _, _ in drawn([disc(300, 300, 5, RED)], (600, 600))]
    assert sum((rows.stop - rows.start) * (cols.stop - cols.start) for rows, cols in windows) < 20 * 20


def test_edges_are_soft_in_between_pixels():
    cover, _, _ = _whole([polygon([(0, 0), (40, 0), (0, 40)], RED)], (40, 40))
    assert set(np.unique(cover)) - {0.0, 1.0}
    assert cover.sum() == pytest.approx(40 * 40 / 2, rel=0.03)


def test_a_blur_spreads_the_cover_and_keeps_its_sum():
    shapes = [box(90, 40, 110, 60, RED)]
    sharp, _, _ = _whole(shapes, (100, 300))
    soft, colour, _ = _whole(shapes, (100, 300), 2.0)
    assert soft.sum() == pytest.approx(sharp.sum(), rel=0.02)
    assert soft[50, 88] > sharp[50, 88] == 0
    np.testing.assert_allclose(colour[50, 100], RED, atol=2)
