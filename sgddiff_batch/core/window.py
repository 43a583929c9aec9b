"""Window: a half-open rectangle of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """Pixel rectangle [row_start, row_stop) x [col_start, col_stop), never empty.

    Raises:
        ValueError: if a side is empty or a start is negative.
    """

    row_start: int
    row_stop: int
    col_start: int
    col_stop: int

    def __post_init__(self) -> None:
        if not (0 <= self.row_start < self.row_stop and 0 <= self.col_start < self.col_stop):
            raise ValueError(f"a window needs 0 <= start < stop on both axes, got {self}")

    @property
    def height_px(self) -> int:
        """Rows."""
        return self.row_stop - self.row_start

    @property
    def width_px(self) -> int:
        """Columns."""
        return self.col_stop - self.col_start

    @property
    def area_px(self) -> int:
        """Pixels."""
        return self.height_px * self.width_px

    @property
    def name(self) -> str:
        """A name for keys and logs: the first pixel and the size, such as r0c512h256w256."""
        return f"r{self.row_start}c{self.col_start}h{self.height_px}w{self.width_px}"

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this window into an array whose last two axes are (row, column)."""
        return slice(self.row_start, self.row_stop), slice(self.col_start, self.col_stop)

    def relative_to(self, outer: Window) -> Window:
        """Return this window in the coordinates of ``outer``'s first pixel.

        Raises:
            ValueError: if this window is not inside ``outer``.
        """
        if not outer.contains(self):
            raise ValueError(f"{self} is not inside {outer}")
        r, c = outer.row_start, outer.col_start
        return Window(self.row_start - r, self.row_stop - r, self.col_start - c, self.col_stop - c)

    def contains(self, inner: Window) -> bool:
        """Whether every pixel of ``inner`` is in this window."""
        rows = self.row_start <= inner.row_start and inner.row_stop <= self.row_stop
        return rows and self.col_start <= inner.col_start and inner.col_stop <= self.col_stop

    def split(self, size_px: int) -> Iterator[Window]:
        """Yield the parts of this window cut at the multiples of ``size_px`` of the frame, row by row.

        Raises:
            ValueError: if ``size_px`` is less than 1.
        """
        if size_px < 1:
            raise ValueError(f"the parts of a window need a size of at least 1 pixel, got {size_px}")
        for row, row_stop in _cuts(self.row_start, self.row_stop, size_px):
            for col, col_stop in _cuts(self.col_start, self.col_stop, size_px):
                yield Window(row, row_stop, col, col_stop)


def _cuts(start: int, stop: int, size_px: int) -> Iterator[tuple[int, int]]:
    edges = [start, *range((start // size_px + 1) * size_px, stop, size_px), stop]
    return pairwise(edges)
