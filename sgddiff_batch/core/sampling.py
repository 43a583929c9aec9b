"""Sampling: the pixels of a scene that its stretch is measured on, by its size alone.

At most 64 windows in full resolution, never overviews: how a file is stored changes nothing. They begin at
multiples of 512 px, so that each is within one block of most tiled files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sgddiff_batch.core.window import Window

WINDOWS_AN_AXIS, WINDOW_PX = 8, 512
_SAMPLES_AN_AXIS = 1024


@dataclass(frozen=True, slots=True)
class Site:
    """A window of a scene, of which every ``row_step``-th row from ``row_phase`` on counts; columns alike.

    The phases differ from window to window, so that stripes of a sensor are met in each of their rows.
    """

    window: Window
    row_step: int
    row_phase: int
    col_step: int
    col_phase: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns within the window that count."""
        return slice(self.row_phase, None, self.row_step), slice(self.col_phase, None, self.col_step)


def sites(height_px: int, width_px: int) -> Iterator[Site]:
    """Yield the sites of a scene, row by row: all of it where both sides have at most 1024 pixels.

    Up to 4096 px an axis is covered without gaps, in steps; past that by eight windows with even distances.
    """
    row_step, col_step = _step(height_px), _step(width_px)
    number = 0
    for row_start, row_stop in _spans(height_px):
        for col_start, col_stop in _spans(width_px):
            window = Window(row_start, row_stop, col_start, col_stop)
            row_phase, col_phase = number % row_step, number // row_step % col_step
            number += 1
            yield Site(
                window,
                row_step,
                min(row_phase, window.height_px - 1),
                col_step,
                min(col_phase, window.width_px - 1),
            )


def _step(length_px: int) -> int:
    return -(-min(length_px, WINDOWS_AN_AXIS * WINDOW_PX) // _SAMPLES_AN_AXIS)


def _spans(length_px: int) -> list[tuple[int, int]]:
    if length_px <= WINDOWS_AN_AXIS * WINDOW_PX:
        return [(start, min(start + WINDOW_PX, length_px)) for start in range(0, length_px, WINDOW_PX)]
    whole = length_px // WINDOW_PX
    middles = (whole * (2 * i + 1) // (2 * WINDOWS_AN_AXIS) for i in range(WINDOWS_AN_AXIS))
    return [(middle * WINDOW_PX, (middle + 1) * WINDOW_PX) for middle in middles]
