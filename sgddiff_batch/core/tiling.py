"""The lattice: where the tiles of a mosaic lie, which of them a task needs, and how they are weighed.

Tile k of an axis of n pixels starts at k * stride, for k = 0 .. max(1, ceil((n - overlap) / stride)) - 1.
Only the last tile can reach past the edge; its missing pixels are reflections of its own present ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.window import Window

_LARGEST_OVERLAP_PX = 2900
"""254.5 * (overlap + 1)^2, the largest sum of codes with its rounding, is then below 2^31."""


@dataclass(frozen=True, slots=True)
class LatticeAxis:
    """The tiles along one axis of ``length_px`` pixels.

    Raises:
        ValueError: unless 0 <= overlap_px <= tile_px / 2, which lets at most two tiles meet at a pixel, and
            overlap_px <= 2900, which keeps the sums of blending in 32 bits.
    """

    length_px: int
    tile_px: int
    overlap_px: int

    def __post_init__(self) -> None:
        if self.length_px < 1 or self.tile_px < 1 or not 0 <= 2 * self.overlap_px <= self.tile_px:
            raise ValueError(f"a lattice needs length, tile >= 1 and 0 <= overlap <= tile / 2, got {self}")
        if self.overlap_px > _LARGEST_OVERLAP_PX:
            raise ValueError(f"overlap_px must be at most {_LARGEST_OVERLAP_PX}, got {self.overlap_px}")

    @property
    def stride_px(self) -> int:
        """Distance between the starts of neighbouring tiles."""
        return self.tile_px - self.overlap_px

    @property
    def count(self) -> int:
        """Number of tiles."""
        return max(1, -((self.overlap_px - self.length_px) // self.stride_px))

    def touching(self, start: int, stop: int) -> range:
        """Return the numbers of the tiles that share a pixel with [start, stop).

        Raises:
            ValueError: unless the interval is on the axis and not empty.
        """
        if not 0 <= start < stop <= self.length_px:
            raise ValueError(f"tiles need 0 <= start < stop <= {self.length_px}, got {start} and {stop}")
        first = max(0, (start - self.tile_px) // self.stride_px + 1)
        last = min(self.count - 1, (stop - 1) // self.stride_px)
        return range(first, last + 1)

    def halo(self, start: int, stop: int) -> tuple[int, int]:
        """Return the pixels that the tiles touching [start, stop) cover inside the axis, half-open."""
        tiles = self.touching(start, stop)
        halo_stop = tiles[-1] * self.stride_px + self.tile_px
        return tiles[0] * self.stride_px, min(halo_stop, self.length_px)

    @property
    def weight_sum(self) -> int:
        """What the weights of all tiles at any one pixel add up to."""
        return self.overlap_px + 1

    def weights(self, tiles: range) -> NDArray[np.int32]:
        """Return (len(tiles), tile_px) int32 ramps: 1 .. overlap where tiles meet, flat elsewhere."""
        ramp = np.arange(1, self.overlap_px + 1, dtype=np.int32)
        weights = np.full((len(tiles), self.tile_px), self.weight_sum, dtype=np.int32)
        for row, tile in zip(weights, tiles, strict=True):
            if tile > 0:
                row[: self.overlap_px] = ramp
            if tile < self.count - 1:
                row[self.stride_px :] = ramp[::-1]
        return weights


@dataclass(frozen=True, slots=True)
class TaskTiles:
    """What a predictor needs to know of the lattice to work on one task; the frame is the halo's.

    ``row_starts`` (nr,) and ``col_starts`` (nc,) are the first rows and columns of the tiles, int64;
    ``row_weights`` (nr, tile_px) and ``col_weights`` (nc, tile_px) their integer ramps; the weights of all
    tiles at one pixel sum to ``weight_sum ** 2``. ``target_rows`` and ``target_cols`` are the half-open part
    to return, ``origin`` the absolute (row, column) of the halo's first pixel.
    """

    tile_px: int
    row_starts: NDArray[np.int64]
    col_starts: NDArray[np.int64]
    row_weights: NDArray[np.int32]
    col_weights: NDArray[np.int32]
    weight_sum: int
    target_rows: tuple[int, int]
    target_cols: tuple[int, int]
    origin: tuple[int, int]

    @property
    def count(self) -> int:
        """Number of tiles, those without a valid pixel included."""
        return len(self.row_starts) * len(self.col_starts)


@dataclass(frozen=True, slots=True)
class Lattice:
    """All tiles of one mosaic: the product of two axes with the same tile and overlap.

    Raises:
        ValueError: as :class:`LatticeAxis` does; and from its methods, for a target outside the mosaic.
    """

    height_px: int
    width_px: int
    tile_px: int
    overlap_px: int

    def __post_init__(self) -> None:
        _ = self.rows, self.cols  # both check themselves

    @property
    def rows(self) -> LatticeAxis:
        """The axis of rows."""
        return LatticeAxis(self.height_px, self.tile_px, self.overlap_px)

    @property
    def cols(self) -> LatticeAxis:
        """The axis of columns."""
        return LatticeAxis(self.width_px, self.tile_px, self.overlap_px)

    @property
    def count(self) -> int:
        """Number of tiles of the mosaic."""
        return self.rows.count * self.cols.count

    def halo(self, target: Window) -> Window:
        """Return the pixels to read so that every tile that touches ``target`` is whole."""
        rows = self.rows.halo(target.row_start, target.row_stop)
        return Window(*rows, *self.cols.halo(target.col_start, target.col_stop))

    def tile_count(self, target: Window) -> int:
        """Number of tiles that touch ``target``."""
        rows = self.rows.touching(target.row_start, target.row_stop)
        return len(rows) * len(self.cols.touching(target.col_start, target.col_stop))

    def task_tiles(self, target: Window) -> TaskTiles:
        """Return the tiles that touch ``target``, in the frame of its halo."""
        rows = self.rows.touching(target.row_start, target.row_stop)
        cols = self.cols.touching(target.col_start, target.col_stop)
        halo = self.halo(target)
        inner = target.relative_to(halo)
        stride = self.tile_px - self.overlap_px
        return TaskTiles(
            tile_px=self.tile_px,
            row_starts=np.asarray(rows, dtype=np.int64) * stride - halo.row_start,
            col_starts=np.asarray(cols, dtype=np.int64) * stride - halo.col_start,
            row_weights=self.rows.weights(rows),
            col_weights=self.cols.weights(cols),
            weight_sum=self.rows.weight_sum,
            target_rows=(inner.row_start, inner.row_stop),
            target_cols=(inner.col_start, inner.col_stop),
            origin=(halo.row_start, halo.col_start),
        )
