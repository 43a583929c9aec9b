"""The reference for everything between a task's pixels and its saliency, the network left out.

The predictor on a device does the same with its own arrays; both agree to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.tiling import TaskTiles

MAX_CODE = 254
"""Code of probability 1; 0 is probability 0."""
NO_DATA = 255
"""Code of a pixel without data: not the same as "not salient"."""

TileFunction = Callable[[NDArray[np.uint8], tuple[int, int]], NDArray[np.uint8]]
"""(3, h, w) uint8 pixels of a tile and its absolute origin in, (h, w) codes 0..254 out."""


def count_pixels(codes: NDArray[np.uint8]) -> tuple[int, int]:
    """Return how many pixels of codes (h, w) have data, and how many of them are salient: of at least .5."""
    valid_px = int(np.count_nonzero(codes != NO_DATA))
    return valid_px, int(np.count_nonzero(codes >= (MAX_CODE + 1) // 2)) - (codes.size - valid_px)


def reflect_index(present_px: int, length_px: int) -> NDArray[np.intp]:
    """Return (length,) source indices that extend ``present_px`` pixels by reflection about both ends."""
    if present_px == 1:
        return np.zeros(length_px, dtype=np.intp)
    period = 2 * (present_px - 1)
    folded = np.arange(length_px, dtype=np.intp) % period
    index: NDArray[np.intp] = np.minimum(folded, period - folded)
    return index


def gather_tile(
    pixels: NDArray[np.uint8], start: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the tile (3, *shape) at (row, column); pixels past the edge of (3, H, W) are reflections."""
    (row, col), (height, width) = start, shape
    rows = reflect_index(min(height, pixels.shape[1] - row), height)
    cols = reflect_index(min(width, pixels.shape[2] - col), width)
    return pixels[:, (row + rows)[:, None], (col + cols)[None, :]]


def quantise(probability: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the codes 0..254 of probabilities 0..1, rounded half up."""
    codes: NDArray[np.uint8] = np.floor(probability * MAX_CODE + 0.5).astype(np.uint8)
    return codes


def blend(
    tile_function: TileFunction, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], tiles: TaskTiles
) -> NDArray[np.uint8]:
    """Run a network over a task and return the codes (h, w) of its target, 255 where not valid.

    pixels: (3, H, W) uint8 of the halo, 0 where not valid; valid: (H, W) bool.
    Sums of integers do not depend on their order, so neither does the result on the order of tiles.
    """
    total = np.zeros(valid.shape, dtype=np.int32)
    for i, j in computed_tiles(valid, tiles):
        row, col = int(tiles.row_starts[i]), int(tiles.col_starts[j])
        height, width = int(tiles.row_sizes[i]), int(tiles.col_sizes[j])
        origin = (tiles.origin[0] + row, tiles.origin[1] + col)
        codes = tile_function(gather_tile(pixels, (row, col), (height, width)), origin)
        part = total[row : row + height, col : col + width]
        weights = tiles.row_weights[i, :height, None] * tiles.col_weights[j, None, :width]
        part += (weights * codes)[: part.shape[0], : part.shape[1]]
    return _finish(total, valid, tiles)


def computed_tiles(valid: NDArray[np.bool_], tiles: TaskTiles) -> Iterator[tuple[int, int]]:
    """Yield (i, j) of the tiles with at least one valid pixel, row by row."""
    for i, (row, height) in enumerate(zip(tiles.row_starts, tiles.row_sizes, strict=True)):
        for j, (col, width) in enumerate(zip(tiles.col_starts, tiles.col_sizes, strict=True)):
            if valid[row : row + height, col : col + width].any():
                yield i, j


def _finish(total: NDArray[np.int32], valid: NDArray[np.bool_], tiles: TaskTiles) -> NDArray[np.uint8]:
    target = slice(*tiles.target_rows), slice(*tiles.target_cols)
    weight = tiles.weight_sum**2
    total[target] += weight // 2  # in place: these sums are the most memory that a task takes
    total[target] //= weight
    codes = total[target].astype(np.uint8)
    codes[~valid[target]] = NO_DATA
    return codes
