"""Cells: the squares that an area is cut into, all on one lattice of pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sgddiff_batch.core.grid import Grid, Transform

MOST_CELL_PX = 2**20
_ALIGNED_PX = 1e-3
"""Pixels that lie so close to each other are the same pixels."""


@dataclass(frozen=True, order=True, slots=True)
class Cell:
    """A cell of a lattice: ``x`` counts to the east (right) and ``y`` to the north (up) from the origin."""

    x: int
    y: int

    @property
    def name(self) -> str:
        """A name for paths, such as x12y-3."""
        return f"x{self.x}y{self.y}"


@dataclass(frozen=True, slots=True)
class CellGrid:
    """A lattice of north-up cells of ``cell_px`` x ``cell_px`` pixels.

    ``resolution`` is the side of a pixel, and ``origin`` (x, y) the lower left corner of cell (0, 0), both in
    units of the CRS.

    Raises:
        ValueError: if a number is out of range.
    """

    crs_wkt: str
    resolution: float
    cell_px: int
    origin: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.resolution) and self.resolution > 0):
            raise ValueError(f"resolution must be a positive length, got {self.resolution}")
        if not 1 <= self.cell_px <= MOST_CELL_PX:
            raise ValueError(f"cell_px must be 1 to {MOST_CELL_PX}, got {self.cell_px}")
        if not all(map(math.isfinite, self.origin)):
            raise ValueError(f"origin must be two finite numbers, got {self.origin}")

    @property
    def side(self) -> float:
        """The side of a cell, in units of the CRS."""
        return self.resolution * self.cell_px

    def grid(self, cell: Cell) -> Grid:
        """Return the pixels of a cell."""
        # From whole pixels, not from whole cells: neighbours agree to the last bit on their common edge.
        left = self.origin[0] + cell.x * self.cell_px * self.resolution
        top = self.origin[1] + (cell.y + 1) * self.cell_px * self.resolution
        transform = Transform(self.resolution, 0.0, left, 0.0, -self.resolution, top)
        return Grid(self.cell_px, self.cell_px, transform, self.crs_wkt)

    def box(self, cell: Cell) -> tuple[float, float, float, float]:
        """Return (xmin, ymin, xmax, ymax) of a cell in units of the CRS."""
        return self.grid(cell).bbox

    def count_in(self, box: tuple[float, float, float, float]) -> int:
        """Return how many cells :meth:`cells_in` yields."""
        columns, rows = self._ranges(box)
        return len(columns) * len(rows)

    def cells_in(self, box: tuple[float, float, float, float]) -> Iterator[Cell]:
        """Yield the cells that share more than an edge with (xmin, ymin, xmax, ymax), west to east.

        Raises:
            ValueError: if the box is not finite, or turned round.
        """
        columns, rows = self._ranges(box)
        for x in columns:
            for y in rows:
                yield Cell(x, y)

    def _ranges(self, box: tuple[float, float, float, float]) -> tuple[range, range]:
        xmin, ymin, xmax, ymax = box
        if not all(map(math.isfinite, box)) or xmin > xmax or ymin > ymax:
            raise ValueError(f"a box needs finite xmin <= xmax and ymin <= ymax, got {box}")
        return self._range(xmin, xmax, self.origin[0]), self._range(ymin, ymax, self.origin[1])

    def _range(self, low: float, high: float, origin: float) -> range:
        # An edge that rounding moved by a thousandth of a pixel touches nothing.
        slack = _ALIGNED_PX / self.cell_px
        first = math.floor((low - origin) / self.side + slack)
        return range(first, max(first + 1, math.ceil((high - origin) / self.side - slack)))


def aligned_offset(inner: Grid, outer: Grid) -> tuple[int, int] | None:
    """Return (row, column) of ``inner``'s first pixel on ``outer``'s lattice of pixels, may be negative.

    None where their pixels are not the same: another size, direction or corner. The CRS is not looked at.
    """
    a, b = inner.transform, outer.transform
    if not (a.is_axis_aligned and b.is_axis_aligned and a.a * b.a > 0 and a.e * b.e > 0):
        return None
    col, row = (a.c - b.c) / b.a, (a.f - b.f) / b.e
    if abs(col) > 2**52 or abs(row) > 2**52:
        return None
    last_col = col + inner.width_px * (a.a / b.a)
    last_row = row + inner.height_px * (a.e / b.e)
    first = round(row), round(col)
    found = row, col, last_row, last_col
    wanted = (*first, first[0] + inner.height_px, first[1] + inner.width_px)
    if any(abs(one - other) > _ALIGNED_PX for one, other in zip(found, wanted, strict=True)):
        return None
    return first


def turned_offsets(inner: Grid, outer: Grid, turn_px: float) -> list[tuple[int, int, int]] | None:
    """Return (row, column, width) of each copy of ``inner`` that shares columns with ``outer``, west to east.

    On a lattice of degrees what lies ``turn_px`` columns apart, a full turn, is the same place. Of a grid
    that is wider the first turn counts: no two copies overlap. None where a copy's pixels are not those of
    ``outer``.
    """
    offset = aligned_offset(inner, outer)
    if offset is None:
        return None
    row, col = offset
    width_px = min(inner.width_px, round(turn_px))
    turns = range(math.floor((-width_px - col) / turn_px) + 1, math.ceil((outer.width_px - col) / turn_px))
    if any(abs(turn * turn_px - round(turn * turn_px)) > _ALIGNED_PX for turn in turns):
        return None
    return [(row, col + round(turn * turn_px), width_px) for turn in turns]
