"""Seams: whether borders of tiles, blocks or tasks can be seen: the steps across them beside those inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
    """Steps of codes from pixel to pixel, as sums and counts: across borders of tiles, inside of tiles, and
    across borders of blocks, those between tasks among them.
    """

    across: int = 0
    across_px: int = 0
    inside: int = 0
    inside_px: int = 0
    block: int = 0
    block_px: int = 0

    def plus(self, other: SeamSteps) -> SeamSteps:
        """Return the steps of both."""
        return SeamSteps(
            self.across + other.across,
            self.across_px + other.across_px,
            self.inside + other.inside,
            self.inside_px + other.inside_px,
            self.block + other.block,
            self.block_px + other.block_px,
        )

    @property
    def score(self) -> float | None:
        """The mean step across over that inside: about 1 where no seam is seen; None of too few pixels."""
        return self._over_inside(self.across, self.across_px)

    @property
    def block_score(self) -> float | None:
        """The same of borders of blocks: they are few among those of tiles, whose mean would hide them."""
        return self._over_inside(self.block, self.block_px)

    def _over_inside(self, steps: int, steps_px: int) -> float | None:
        if min(steps_px, self.inside_px) < _LEAST_PX:
            return None
        inside = self.inside / self.inside_px
        return round((steps / steps_px + _QUIET) / (inside + _QUIET), 3)


@dataclass(frozen=True, slots=True)
class Rims:
    """The outermost codes of a task, by which it is compared with its neighbours.

    ``lines``: by (axis, line, first pixel): axis 0 a border between rows, 1 between columns; the line behind
    the border, and where along it the block begins. Each has the codes before the border or those behind it.
    """

    before: Mapping[tuple[int, int, int], bytes] = field(default_factory=dict)
    behind: Mapping[tuple[int, int, int], bytes] = field(default_factory=dict)


NO_RIMS = Rims()
"""Those of a task that is all of its mosaic."""


class OpenBorders:
    """Borders of tasks of which one side is known; what both sides have is summed up and forgotten."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, int, int], bytes] = {}
        self._behind: dict[tuple[int, int, int], bytes] = {}
        self.steps = SeamSteps()

    def add(self, rims: Rims) -> None:
        """Compare the rims of a task with those of its neighbours that have ended."""
        self._before |= rims.before
        self._behind |= rims.behind
        for place in self._before.keys() & self._behind.keys():
            pair = (np.frombuffer(side.pop(place), np.uint8) for side in (self._before, self._behind))
            self.steps = self.steps.plus(_block_steps(*pair))


def rims_of(codes: NDArray[np.uint8], window: Window, block_px: int, grid: Window) -> Rims:
    """Return the rims of a task at borders that it shares with others; at most 4 KB a block.

    codes: (h, w) uint8 of ``window``, a rectangle of blocks of a mosaic, which is all of ``grid``.
    """
    before, behind = {}, {}
    for axis, lines, ends, along in (
        (0, codes, (window.row_start, window.row_stop, grid.row_stop), window.col_start),
        (1, codes.T, (window.col_start, window.col_stop, grid.col_stop), window.row_start),
    ):
        start, stop, last = ends
        for at in range(0, lines.shape[1], block_px):
            part = slice(at, at + block_px)
            step = max(1, min(block_px, lines.shape[1] - at) // _MOST_PX)
            if start > 0:
                behind[axis, start, along + at] = lines[0, part][::step].tobytes()
            if stop < last:
                before[axis, stop, along + at] = lines[-1, part][::step].tobytes()
    return Rims(before, behind)


def block_steps(codes: NDArray[np.uint8], block_px: int) -> SeamSteps:
    """Return the steps across borders of blocks inside of a task; codes: (h, w) uint8 of whole blocks."""
    steps = SeamSteps()
    for lines in (codes, codes.T):
        borders = [*range(block_px, lines.shape[0], block_px)]
        if borders:
            thin = lines[:, :: max(1, lines.shape[1] // _MOST_PX)]
            steps = steps.plus(SeamSteps(0, 0, 0, 0, *_summed(thin, borders)))
    return steps


def _block_steps(before: NDArray[np.uint8], behind: NDArray[np.uint8]) -> SeamSteps:
    return SeamSteps(0, 0, 0, 0, *_summed(np.stack([before, behind]), [1]))


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
