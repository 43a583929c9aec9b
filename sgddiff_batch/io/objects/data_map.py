"""The data map: where a mosaic has data, coarsely, and never more than that."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.regions import block_regions
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.geodesy import Ground
from sgddiff_batch.io.objects.polygons import placed, polygons_of

_FINEST_PX = 4
_MOST_CELLS = 1024
"""Along a side, about: more would be outlines of too many points, and bytes of every part."""
_LONGEST_CELLS = 16.0


class DataMap:
    """Squares of pixels of a mosaic all of which have data; they fit into its blocks of ``block_px``."""

    def __init__(self, grid: Grid, block_px: int) -> None:
        wanted = max(_FINEST_PX, max(grid.height_px, grid.width_px) / _MOST_CELLS)
        self._grid, self._cell = grid, _least_divisor(block_px, wanted)
        rows, cols = (-(-side // self._cell) for side in (grid.height_px, grid.width_px))
        self._mask = np.zeros((rows, cols), np.uint8)

    def add(self, window: Window, codes: NDArray[np.uint8]) -> None:
        """Note a block's codes (h, w)."""
        cell, (height, width) = self._cell, codes.shape
        rows, cols = -(-height // cell), -(-width // cell)
        is_there = codes != NO_DATA
        whole: Any = np.ones((rows, cols), np.bool_)
        if not is_there.all():
            has_data = np.ones((rows * cell, cols * cell), np.bool_)
            has_data[:height, :width] = is_there
            whole = has_data.reshape(rows, cell, cols, cell).all(axis=(1, 3))
        row, col = window.row_start // cell, window.col_start // cell
        self._mask[row : row + rows, col : col + cols] = whole

    def on_globe(self, ground: Ground | None) -> bytes:
        """Return where there is data as WKB in degrees; b"" where there is none, or no place on the globe."""
        if ground is None or not self._mask.any():
            return b""
        rows, cols = self._mask.shape
        regions = block_regions(self._mask, Window(0, rows, 0, cols), 1).regions
        polygons, far = polygons_of(regions), (self._grid.width_px, self._grid.height_px)
        points = np.minimum(shapely.get_coordinates(polygons) * self._cell, far)
        polygons = placed(shapely.set_coordinates(polygons, points), self._grid.transform)
        transform = self._grid.transform
        longest = _LONGEST_CELLS * self._cell * math.hypot(transform.a, transform.d)
        whole = shapely.union_all([one for one in ground.on_globe(polygons, longest) if one is not None])
        found: bytes = b"" if whole.is_empty else shapely.to_wkb(whole, byte_order=1)
        return found


def _least_divisor(number: int, least: float) -> int:
    """Return the least divisor of a number from ``least`` on, or the number itself."""
    return next((one for one in range(math.ceil(least), number) if number % one == 0), number)
