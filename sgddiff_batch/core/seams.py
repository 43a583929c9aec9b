"""Seams: whether borders of tiles can be seen in a mosaic: the steps across them beside those inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.tiling import LatticeAxis
from sgddiff_batch.core.window import Window

_MOST_PX = 512
"""So many pixels of a line are looked at, at most: a task of 4096 px takes less than a millisecond."""
_LEAST_PX = 256
"""Of fewer pixels on either side there is no score."""
_QUIET = 0.25
"""Codes that are added to both steps: where nothing is salient there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class SeamSteps:
    """Steps of codes from pixel to pixel, as sums and counts: across borders of tiles, and inside."""

    across: int = 0
    across_px: int = 0
    inside: int = 0
    inside_px: int = 0

    def plus(self, other: SeamSteps) -> SeamSteps:
        """Return the steps of both."""
        return SeamSteps(
            self.across + other.across,
            self.across_px + other.across_px,
            self.inside + other.inside,
            self.inside_px + other.inside_px,
        )

    @property
    def score(self) -> float | None:
        """The mean step across over that inside: about 1 where no seam is seen; None of too few pixels."""
        if min(self.across_px, self.inside_px) < _LEAST_PX:
            return None
        inside = self.inside / self.inside_px
        return round((self.across / self.across_px + _QUIET) / (inside + _QUIET), 3)


def seam_steps(codes: NDArray[np.uint8], window: Window, rows: LatticeAxis, cols: LatticeAxis) -> SeamSteps:
    """Return the steps of a window of a mosaic; codes (h, w) uint8, 255 is no data, and takes no part.

    rows, cols: the lattice of the mosaic. A tile begins to count at a multiple of the stride, and its
    neighbour ends to count one overlap later: these two lines are its borders; the middle between two tiles'
    is inside.
    """
    steps = SeamSteps()
    for lines, axis, start in ((codes, rows, window.row_start), (codes.T, cols, window.col_start)):
        thin = lines[:, :: max(1, lines.shape[1] // _MOST_PX)]
        across, across_px = _summed(thin, _borders(axis, start, start + lines.shape[0]))
        inside, inside_px = _summed(thin, _middles(axis, start, start + lines.shape[0]))
        steps = steps.plus(SeamSteps(across, across_px, inside, inside_px))
    return steps


def _borders(axis: LatticeAxis, start: int, stop: int) -> list[int]:
    """Return the lines, counted from ``start``, that are the first behind a border of a tile."""
    return [line - start for line in _lines(axis, (0, axis.overlap_px)) if start < line < stop]


def _middles(axis: LatticeAxis, start: int, stop: int) -> list[int]:
    """Return as many lines inside of tiles, where one tile alone counts."""
    free = axis.stride_px - axis.overlap_px
    places = (axis.overlap_px + free // 3, axis.overlap_px + free * 2 // 3)
    return [line - start for line in _lines(axis, places) if start < line < stop]


def _lines(axis: LatticeAxis, places: tuple[int, int]) -> Iterator[int]:
    for tile in range(1, axis.count):
        yield from {tile * axis.stride_px + place for place in places}


def _summed(lines: NDArray[np.uint8], numbers: list[int]) -> tuple[int, int]:
    """Return the sum of the steps from the line before to each of these, and how many pixels have both."""
    if not numbers:
        return 0, 0
    here, before = lines[numbers], lines[[number - 1 for number in numbers]]
    valid = (here != NO_DATA) & (before != NO_DATA)
    steps = np.abs(here.astype(np.int16) - before.astype(np.int16))
    return int(steps[valid].sum()), int(valid.sum())
