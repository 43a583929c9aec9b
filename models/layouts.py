"""Where the tiles of a task lie: what a predictor must be told, its checks, and a task in plain numbers.

All of it is NumPy on the host. What the tiles need on the device is one table of integers a task, so that it
goes there by one copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NO_DATA = 255

Shape = tuple[int, int]
"""(rows, columns) of a tile."""


class TileLayout(Protocol):
    """Where the tiles of a task lie; rows and columns count from pixels[:, 0, 0] unless said otherwise."""

    @property
    def tile_px(self) -> int:
        """The longest side of a tile."""

    @property
    def row_starts(self) -> NDArray[np.int64]:
        """(nr,) first row of each row of tiles, >= 0."""

    @property
    def col_starts(self) -> NDArray[np.int64]:
        """(nc,) first column of each column of tiles, >= 0."""

    @property
    def row_sizes(self) -> NDArray[np.int64]:
        """(nr,) how many rows each row of tiles has, 1 .. tile_px."""

    @property
    def col_sizes(self) -> NDArray[np.int64]:
        """(nc,) how many columns each column of tiles has, 1 .. tile_px."""

    @property
    def row_weights(self) -> NDArray[np.int32]:
        """(nr, tile_px) integer blending weights along the rows, 0 past the end of a smaller tile."""

    @property
    def col_weights(self) -> NDArray[np.int32]:
        """(nc, tile_px) integer blending weights along the columns, 0 past the end of a smaller tile."""

    @property
    def weight_sum(self) -> int:
        """What the weights of all tiles sum to at any pixel, an axis; its square in two dimensions."""

    @property
    def target_rows(self) -> tuple[int, int]:
        """Half-open rows of the output."""

    @property
    def target_cols(self) -> tuple[int, int]:
        """Half-open columns of the output."""

    @property
    def origin(self) -> tuple[int, int]:
        """Absolute (row, column) in the mosaic of pixels[:, 0, 0]."""


def check_task(pixels: NDArray[np.uint8], valid: NDArray[np.bool_], layout: TileLayout) -> None:
    """Raise ValueError where pixels, mask and layout do not fit together."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[0] != 3:
        raise ValueError(f"pixels must be (3, H, W) uint8, found {pixels.shape} {pixels.dtype}")
    if valid.dtype != np.bool_ or valid.shape != pixels.shape[1:]:
        raise ValueError(f"valid must be {pixels.shape[1:]} bool, found {valid.shape} {valid.dtype}")
    axes = (
        (layout.row_starts, layout.row_sizes, layout.row_weights, layout.target_rows),
        (layout.col_starts, layout.col_sizes, layout.col_weights, layout.target_cols),
    )
    for (starts, sizes, weights, (first, last)), length in zip(axes, valid.shape, strict=True):
        if weights.shape != (len(starts), layout.tile_px):
            raise ValueError(f"weights must be {(len(starts), layout.tile_px)}, found {weights.shape}")
        if sizes.shape != starts.shape or any(not 1 <= size <= layout.tile_px for size in sizes):
            raise ValueError(f"tiles must have 1 to {layout.tile_px} px, found {list(sizes)}")
        if not 0 <= first <= last <= length or any(not 0 <= start < length for start in starts):
            raise ValueError(f"target {first}..{last} or tiles at {list(starts)} lie outside of {length} px")
        if len({int(start) for start in starts[starts + sizes > length]}) > 1:
            raise ValueError(f"of tiles at {list(starts)} only the last may reach past {length} px")
    if layout.weight_sum**2 * NO_DATA >= 2**31:
        raise ValueError(f"weight_sum {layout.weight_sum} overflows 32-bit sums")


def wanted_tiles(valid: NDArray[np.bool_], layout: TileLayout) -> list[tuple[int, int]]:
    """(i, j) of the tiles whose present part has a valid pixel, row by row, of one shape after the other."""
    rows = list(zip(layout.row_starts.tolist(), layout.row_sizes.tolist(), strict=True))
    columns = list(zip(layout.col_starts.tolist(), layout.col_sizes.tolist(), strict=True))
    wanted = [
        (i, j)
        for i, (row, height) in enumerate(rows)
        for j, (column, width) in enumerate(columns)
        if valid[row : row + height, column : column + width].any()
    ]
    return sorted(wanted, key=lambda place: (-rows[place[0]][1], -columns[place[1]][1]))


def reflected(start: int, size: int, length: int) -> NDArray[np.int64]:
    """Indices of a tile along an axis of `length` pixels, those beyond the end folded back into the tile.

    The same as numpy.pad(mode="reflect") of the tile's present part.
    """
    present = min(size, length - start)
    period = max(2 * (present - 1), 1)
    k = np.arange(size, dtype=np.int64) % period
    return start + np.minimum(k, period - k) if present > 1 else np.full(size, start, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """A task in plain numbers: what goes to the device, and what the host must know of it.

    pixels (3, H, W) uint8; present (h, w) bool, the mask of the target; tile_px: the longest side of a tile;
    starts and shapes: (row, column) and (rows, columns) of each wanted tile, those of one shape together;
    frame_px: (rows, columns) of pixels and what is reflected below and right of them; table: all integers
    that the device needs, `parts` its lengths, see `TaskTensors`.
    """

    pixels: NDArray[np.uint8]
    present: NDArray[np.bool_]
    tile_px: int
    starts: list[tuple[int, int]]
    shapes: list[Shape]
    frame_px: tuple[int, int]
    target: tuple[slice, slice]
    weight_total: int
    table: NDArray[np.int64]
    parts: tuple[int, ...]

    @property
    def device_bytes(self) -> int:
        """The most that the task takes on a device: pixels twice for a moment, 32-bit sums, mask, codes."""
        return self.frame_px[0] * self.frame_px[1] * (3 + 3 + 4 + 1 + 1)

    @property
    def groups(self) -> list[tuple[Shape, int]]:
        """The shapes of the wanted tiles, in their order, and how many each has."""
        return [(shape, len(list(same))) for shape, same in groupby(self.shapes)]

    def bands(self, least_px: int) -> Iterator[tuple[slice, int]]:
        """Rows of pixels to send one after the other, and how many more tiles lie in what was sent then.

        A band has at least `least_px` pixels, but for the last one; together they are all rows.
        """
        height, width = self.pixels.shape[1:]
        sent, told, reach = 0, 0, 0
        for number, (row, _) in enumerate(self.starts[:-1], 1):
            reach = max(reach, min(height, row + self.shapes[number - 1][0]))
            if self.starts[number][0] != row and (reach - sent) * width >= least_px:
                yield slice(sent, reach), number - told
                sent, told = reach, number
        yield slice(sent, height), len(self.starts) - told


def plan_task(pixels: NDArray[np.uint8], valid: NDArray[np.bool_], layout: TileLayout) -> TaskPlan:
    """The plan of a task: pixels (3, H, W), their validity (H, W). Raises ValueError as `check_task` does."""
    check_task(pixels, valid, layout)
    tiles = wanted_tiles(valid, layout)
    places = np.asarray(tiles, dtype=np.int64).reshape(-1, 2)
    starts = np.stack([layout.row_starts[places[:, 0]], layout.col_starts[places[:, 1]]], axis=1)
    shapes = np.stack([layout.row_sizes[places[:, 0]], layout.col_sizes[places[:, 1]]], axis=1)
    origins = starts + np.asarray(layout.origin, dtype=np.int64)
    below = _beyond(layout.row_starts, layout.row_sizes, valid.shape[0])
    right = _beyond(layout.col_starts, layout.col_sizes, valid.shape[1])
    integers = (places, starts, origins, layout.row_weights, layout.col_weights, below, right)
    (top, bottom), (left, edge) = layout.target_rows, layout.target_cols
    target = slice(top, bottom), slice(left, edge)
    return TaskPlan(
        pixels,
        valid[target],
        layout.tile_px,
        [(row, column) for row, column in starts.tolist()],
        [(height, width) for height, width in shapes.tolist()],
        (valid.shape[0] + len(below), valid.shape[1] + len(right)),
        target,
        layout.weight_sum**2,
        np.concatenate([np.asarray(part, dtype=np.int64).ravel() for part in integers]),
        tuple(np.asarray(part).size for part in integers),
    )


def _beyond(starts: NDArray[np.int64], sizes: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """The indices along an axis that the pixels past its end are copies of."""
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        if start + size > length:
            return reflected(start, size, length)[length - start :]
    return np.empty(0, dtype=np.int64)
