import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.window import Window
from tests.core.strategies import windows


@given(windows(), st.integers(1, 70))
def test_split_covers_every_pixel_exactly_once(window: Window, size_px: int):
    seen = np.zeros((60, 60), dtype=int)
    for part in window.split(size_px):
        seen[part.slices] += 1
    expected = np.zeros_like(seen)
    expected[window.slices] = 1
    assert (seen == expected).all()


@given(windows(), st.integers(1, 70))
def test_parts_are_whole_cells_of_the_frame_cut_only_by_the_window(window: Window, size_px: int):
    for part in window.split(size_px):
        row, col = part.row_start // size_px * size_px, part.col_start // size_px * size_px
        assert part.row_start == max(row, window.row_start)
        assert part.row_stop == min(row + size_px, window.row_stop)
        assert part.col_start == max(col, window.col_start)
        assert part.col_stop == min(col + size_px, window.col_stop)


@given(windows(), st.integers(1, 70))
def test_parts_come_row_by_row(window: Window, size_px: int):
    parts = list(window.split(size_px))
    assert parts == sorted(parts, key=lambda part: (part.row_start, part.col_start))


def test_a_split_to_cells_of_no_size_is_refused():
    for size_px in (0, -4):
        with pytest.raises(ValueError, match="at least 1"):
            list(Window(0, 9, 0, 9).split(size_px))


@given(windows(), windows())
def test_relative_to_keeps_the_pixels_or_refuses(inner: Window, outer: Window):
    frame = np.arange(3600).reshape(60, 60)
    if outer.contains(inner):
        assert (frame[outer.slices][inner.relative_to(outer).slices] == frame[inner.slices]).all()
    else:
        with pytest.raises(ValueError, match="is not inside"):
            inner.relative_to(outer)


@given(windows(), windows())
def test_contains_means_every_pixel(inner: Window, outer: Window):
    seen = np.zeros((60, 60), dtype=bool)
    seen[outer.slices] = True
    assert outer.contains(inner) == seen[inner.slices].all()


@given(windows())
def test_sizes_are_those_of_the_slices(window: Window):
    part = np.zeros((60, 60))[window.slices]
    assert part.shape == (window.height_px, window.width_px)
    assert part.size == window.area_px


@pytest.mark.parametrize("bad", [(0, 0, 0, 1), (0, 1, 3, 3), (2, 1, 0, 1), (-1, 1, 0, 1), (0, 1, -1, 1)])
def test_an_empty_or_negative_window_is_refused(bad: tuple[int, int, int, int]):
    with pytest.raises(ValueError, match="0 <= start < stop"):
        Window(*bad)
