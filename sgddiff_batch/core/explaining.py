"""Explaining: which tiles of the lattice made a pixel of a mosaic, and with which weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.tiling import Lattice, LatticeAxis
from sgddiff_batch.core.window import Window


@dataclass(frozen=True, slots=True)
class TileShare:
    """A tile's part in a pixel: its place in the lattice, the pixels that it covers, and its weight.

    ``row`` and ``col`` are the tile's numbers. ``window`` is what it sees, which of an axis' last tile begins
    before it counts, and ends at the mosaic's edge; a tile that ``reflects`` reaches past that and was filled
    up with reflections. ``weight`` is one of integers that sum to :func:`weight_total` over the tiles of any
    pixel.
    """

    row: int
    col: int
    window: Window
    weight: int
    reflects: bool


def weight_total(lattice: Lattice) -> int:
    """Return what the weights of all tiles at any one pixel sum to."""
    return lattice.rows.weight_sum * lattice.cols.weight_sum


def tiles_at(lattice: Lattice, row: int, col: int) -> tuple[TileShare, ...]:
    """Return the tiles that count at a pixel, one to four, row by row.

    Raises:
        ValueError: if the pixel is not in the mosaic.
    """
    down, along = _parts(lattice.rows, row), _parts(lattice.cols, col)
    return tuple(
        _share(lattice, (i, row_weight), (j, col_weight)) for i, row_weight in down for j, col_weight in along
    )


def _parts(axis: LatticeAxis, position: int) -> list[tuple[int, int]]:
    """Return number and weight of each tile of an axis that counts at a position."""
    tiles = axis.touching(position, position + 1)
    weights = axis.weights(tiles)
    return [(k, int(weights[at, position - axis.span(k)[0]])) for at, k in enumerate(tiles)]


def _share(lattice: Lattice, row: tuple[int, int], col: tuple[int, int]) -> TileShare:
    (top, bottom), (left, right) = lattice.rows.span(row[0]), lattice.cols.span(col[0])
    reflects = bottom > lattice.height_px or right > lattice.width_px
    window = Window(top, min(bottom, lattice.height_px), left, min(right, lattice.width_px))
    return TileShare(row[0], col[0], window, row[1] * col[1], reflects)


def pixel_at(grid: Grid, x: float, y: float) -> tuple[int, int]:
    """Return (row, column) of the pixel that a point in units of the CRS lies in.

    A point on the line between two pixels belongs to the one further down or right in the raster.

    Raises:
        ValueError: if the point is not on the grid, or not finite.
    """
    t = grid.transform
    if not np.isfinite((x, y)).all():
        raise ValueError(f"the point ({x}, {y}) is no place: both numbers must be finite")
    determinant = t.a * t.e - t.b * t.d
    dx, dy = x - t.c, y - t.f
    col, row = floor((t.e * dx - t.b * dy) / determinant), floor((t.a * dy - t.d * dx) / determinant)
    if not (0 <= row < grid.height_px and 0 <= col < grid.width_px):
        west, south, east, north = grid.bbox
        raise ValueError(
            f"the point ({x}, {y}) is outside of the mosaic, which reaches from x {west} to {east} and from "
            f"y {south} to {north}"
        )
    return row, col


def block_at(grid: Grid, block_px: int, row: int, col: int) -> Window:
    """Return the block that a pixel lies in.

    Raises:
        ValueError: if the pixel is not in the mosaic.
    """
    if not (0 <= row < grid.height_px and 0 <= col < grid.width_px):
        raise ValueError(
            f"there is no pixel in row {row}, column {col}: the mosaic has {grid.height_px} rows and "
            f"{grid.width_px} columns, counted from 0"
        )
    top, left = row // block_px * block_px, col // block_px * block_px
    return Window(top, min(top + block_px, grid.height_px), left, min(left + block_px, grid.width_px))


def probability(code: int) -> float | None:
    """Return the saliency 0..1 that a code 0..254 stands for, None for 255, no data."""
    return None if code == NO_DATA else code / MAX_CODE
