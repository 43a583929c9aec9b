"""The lattice: where the tiles of a mosaic lie, which of them a task needs, and how they are weighed.

Tile k of an axis of n pixels counts from k * stride on, for k below max(1, ceil((n - overlap) / stride)), and
takes over from the one before in that one's last ``overlap_px``. All have ``tile_px`` pixels, but for the
last: it ends at the edge, rounded up to the network's multiple. Of several it has one of at most eight sizes,
and begins before it counts, so that it sees what is there; a single one is as large as the scene. Only it can
reach past the edge; its missing pixels, less than the multiple, are reflections of its own present ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.window import Window

TILE_PX, OVERLAP_PX = 1088, 64
"""What a config that names no sizes has; the table behind them is in models/DESIGN.md."""

FITS_SINCE = 3
"""The ``pixels_version`` since which last tiles end at the edge."""

CONTEXT_PX = 256
"""So much a last tile sees at least before the pixels that it alone covers, up to half of a tile."""

_MOST_SIZES = 8
_MULTIPLE_PX = 32
_LARGEST_OVERLAP_PX = 2900
"""254.5 * (overlap + 1)^2, the largest sum of codes with its rounding, is then below 2^31."""


@cache
def tile_sizes(tile_px: int) -> tuple[int, ...]:
    """Return the sizes that the last of several tiles can have, in px, from the smallest up to ``tile_px``.

    At most eight, each a sixth smaller than the next at the most, or as little as their multiple allows.
    """
    multiple, sizes = multiple_of(tile_px), [tile_px]
    while len(sizes) < _MOST_SIZES and sizes[-1] > multiple:
        sizes.append(min(_rounded_up(-(-sizes[-1] * 5 // 6), multiple), sizes[-1] - multiple))
    return tuple(reversed(sizes))


def multiple_of(tile_px: int) -> int:
    """Return what sides of tiles are multiples of: 32 px, or the largest power of 2 that divides one."""
    return math.gcd(tile_px, _MULTIPLE_PX)


def _rounded_up(length_px: int, multiple_px: int) -> int:
    return -(-length_px // multiple_px) * multiple_px


@dataclass(frozen=True, slots=True)
class LatticeAxis:
    """The tiles along one axis of ``length_px`` pixels.

    ``fits``: whether the last one ends at the edge; of mosaics before ``pixels_version`` 3 it was as large as
    all others, began where it counted, and reflected what it lacked.

    Raises:
        ValueError: unless 0 <= overlap_px <= tile_px / 2, which lets at most two tiles count at a pixel, and
            overlap_px <= 2900, which keeps the sums of blending in 32 bits.
    """

    length_px: int
    tile_px: int
    overlap_px: int
    fits: bool = True

    def __post_init__(self) -> None:
        if self.length_px < 1 or self.tile_px < 1 or not 0 <= 2 * self.overlap_px <= self.tile_px:
            raise ValueError(f"a lattice needs length, tile >= 1 and 0 <= overlap <= tile / 2, got {self}")
        if self.overlap_px > _LARGEST_OVERLAP_PX:
            raise ValueError(f"overlap_px must be at most {_LARGEST_OVERLAP_PX}, got {self.overlap_px}")

    @property
    def stride_px(self) -> int:
        """Distance between the first pixels at which neighbouring tiles count."""
        return self.tile_px - self.overlap_px

    @property
    def count(self) -> int:
        """Number of tiles."""
        return max(1, -((self.overlap_px - self.length_px) // self.stride_px))

    def span(self, tile: int) -> tuple[int, int]:
        """Return the half-open pixels of a tile; the last one's may reach past the axis."""
        counts_from, edge = tile * self.stride_px, _rounded_up(self.length_px, multiple_of(self.tile_px))
        if tile < self.count - 1 or not self.fits:
            return counts_from, counts_from + self.tile_px
        if tile == 0:
            return 0, edge
        # What it alone covers, and its context before that, unless that is more than a tile.
        context = max(self.overlap_px, min(CONTEXT_PX, self.tile_px // 2))
        wanted = min(self.tile_px, edge - counts_from - self.overlap_px + context)
        size = next(size for size in tile_sizes(self.tile_px) if size >= wanted)
        start = min(counts_from, edge - size)
        return start, start + size

    def touching(self, start: int, stop: int) -> range:
        """Return the numbers of the tiles that count at a pixel of [start, stop).

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
        return self.span(tiles[0])[0], min(self.span(tiles[-1])[1], self.length_px)

    @property
    def weight_sum(self) -> int:
        """What the weights of all tiles at any one pixel add up to."""
        return self.overlap_px + 1

    def weights(self, tiles: range) -> NDArray[np.int32]:
        """Return (len(tiles), tile_px) int32 ramps: 1 .. overlap where tiles meet, flat where one counts.

        0 where a tile does not count: before it takes over, and past the end of a smaller one.
        """
        ramp = np.arange(1, self.overlap_px + 1, dtype=np.int32)
        weights = np.zeros((len(tiles), self.tile_px), dtype=np.int32)
        for row, tile in zip(weights, tiles, strict=True):
            start, stop = self.span(tile)
            before = tile * self.stride_px - start
            row[before : stop - start] = self.weight_sum
            if tile > 0:
                row[before : before + self.overlap_px] = ramp
            if tile < self.count - 1:
                row[self.stride_px :] = ramp[::-1]
        return weights


@dataclass(frozen=True, slots=True)
class TaskTiles:
    """What a predictor needs to know of the lattice to work on one task; the frame is the halo's.

    ``row_starts`` (nr,) and ``col_starts`` (nc,) are the first rows and columns of the tiles, ``row_sizes``
    and ``col_sizes`` how many they have, at most ``tile_px``, int64; ``row_weights`` (nr, tile_px) and
    ``col_weights`` (nc, tile_px) their integer ramps; the weights of all tiles at one pixel sum to
    ``weight_sum ** 2``. ``target_rows`` and ``target_cols`` are the half-open part to return, ``origin`` the
    absolute (row, column) of the halo's first pixel.
    """

    tile_px: int
    row_starts: NDArray[np.int64]
    col_starts: NDArray[np.int64]
    row_sizes: NDArray[np.int64]
    col_sizes: NDArray[np.int64]
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
    fits: bool = True

    def __post_init__(self) -> None:
        _ = self.rows, self.cols  # both check themselves

    @property
    def rows(self) -> LatticeAxis:
        """The axis of rows."""
        return LatticeAxis(self.height_px, self.tile_px, self.overlap_px, self.fits)

    @property
    def cols(self) -> LatticeAxis:
        """The axis of columns."""
        return LatticeAxis(self.width_px, self.tile_px, self.overlap_px, self.fits)

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

    def tiles_px(self, target: Window) -> int:
        """Pixels that the network sees of the tiles that touch ``target``, all together."""
        rows = _spans(self.rows, self.rows.touching(target.row_start, target.row_stop))
        cols = _spans(self.cols, self.cols.touching(target.col_start, target.col_stop))
        return int((rows[:, 1] - rows[:, 0]).sum() * (cols[:, 1] - cols[:, 0]).sum())

    def task_tiles(self, target: Window) -> TaskTiles:
        """Return the tiles that touch ``target``, in the frame of its halo."""
        rows = self.rows.touching(target.row_start, target.row_stop)
        cols = self.cols.touching(target.col_start, target.col_stop)
        halo = self.halo(target)
        inner = target.relative_to(halo)
        row_spans, col_spans = _spans(self.rows, rows), _spans(self.cols, cols)
        return TaskTiles(
            tile_px=self.tile_px,
            row_starts=row_spans[:, 0] - halo.row_start,
            col_starts=col_spans[:, 0] - halo.col_start,
            row_sizes=row_spans[:, 1] - row_spans[:, 0],
            col_sizes=col_spans[:, 1] - col_spans[:, 0],
            row_weights=self.rows.weights(rows),
            col_weights=self.cols.weights(cols),
            weight_sum=self.rows.weight_sum,
            target_rows=(inner.row_start, inner.row_stop),
            target_cols=(inner.col_start, inner.col_stop),
            origin=(halo.row_start, halo.col_start),
        )


def _spans(axis: LatticeAxis, tiles: range) -> NDArray[np.int64]:
    """Return (len(tiles), 2) starts and stops."""
    return np.array([axis.span(tile) for tile in tiles], dtype=np.int64).reshape(-1, 2)
