"""The pyramid: how a level is averaged from the one below, and which levels a block's task can write."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.window import Window

_STRIP_PX = 128
_ONE = 1024
"""More than four codes make."""


def halve(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (ceil(h/2), ceil(w/2)) averages of the valid codes of each 2 x 2, rounded half up.

    A code is 255 (no data) only where all of its four, or those of them that exist, are.
    """
    height, width = codes.shape
    halved = np.empty((-(-height // 2), -(-width // 2)), dtype=np.uint8)
    # In strips that stay in a CPU's cache: five times as fast as a whole block at once.
    for row in range(0, height, _STRIP_PX):
        strip = _halved(codes[row : row + _STRIP_PX])
        halved[row // 2 : row // 2 + len(strip)] = strip
    return halved


def _halved(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = codes.shape
    # A valid code and, above it, a count of one: the sum of four says how many there are, and their total.
    marked = np.zeros((height + height % 2, width + width % 2), dtype=np.uint16)
    inner = marked[:height, :width]
    np.add(codes, np.uint16(_ONE), out=inner)
    inner *= codes != NO_DATA
    rows = marked[::2] + marked[1::2]
    halved: NDArray[np.uint8] = _means().take(rows[:, ::2] + rows[:, 1::2])
    return halved


@cache
def _means() -> NDArray[np.uint8]:
    """Return the mean code by count * ``_ONE`` + total."""
    count, total = np.arange(5)[:, None], np.arange(_ONE)
    means = np.where(count == 0, NO_DATA, (2 * total + count) // np.maximum(2 * count, 1))
    return means.astype(np.uint8).ravel()


def doubled(window: Window, below: Grid) -> Window:
    """Return the pixels of the level below, whose grid is ``below``, that a window is the average of."""
    row_stop, col_stop = min(2 * window.row_stop, below.height_px), min(2 * window.col_stop, below.width_px)
    return Window(2 * window.row_start, row_stop, 2 * window.col_start, col_stop)


def level_count(height_px: int, width_px: int, chunk_px: int) -> int:
    """Return the number of levels, native included, down to the first that fits one chunk."""
    levels = 1
    while max(height_px, width_px) > chunk_px:
        height_px, width_px, levels = -(-height_px // 2), -(-width_px // 2), levels + 1
    return levels


def level_shard_px(block_px: int, chunk: int, level: int) -> int | None:
    """Return the side of a level's shard that one block fills, or None where a shard has several blocks."""
    side, rest = divmod(block_px, 2**level)
    return side if rest == 0 and side % chunk == 0 else None
