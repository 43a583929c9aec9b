"""The pyramid: how a level is averaged from the one below, and which levels a block's task can write."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.window import Window


def halve(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (ceil(h/2), ceil(w/2)) averages of the valid codes of each 2 x 2, rounded half up.

    A code is 255 (no data) only where all of its four, or those of them that exist, are.
    """
    height, width = codes.shape
    padded = np.full((height + height % 2, width + width % 2), NO_DATA, dtype=np.uint8)
    padded[:height, :width] = codes
    total = np.zeros((padded.shape[0] // 2, padded.shape[1] // 2), dtype=np.uint16)
    count = np.zeros(total.shape, dtype=np.uint16)
    for quarter in (padded[::2, ::2], padded[::2, 1::2], padded[1::2, ::2], padded[1::2, 1::2]):
        valid = quarter != NO_DATA
        total += np.where(valid, quarter, 0).astype(np.uint16)
        count += valid
    mean = (2 * total + count) // np.maximum(2 * count, 1)
    return np.where(count == 0, NO_DATA, mean).astype(np.uint8)


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
