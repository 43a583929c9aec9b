"""Joining: the regions of blocks become those of the whole mosaic, in the memory of what is still open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.components import Ints
from sgddiff_batch.core.regions import (
    LEAST,
    MOST,
    NOBODY,
    SUMS,
    BlockRegions,
    Corners,
    Regions,
    added_corners,
)

NAMES = (*SUMS, *LEAST, *MOST, "first_row", "first_col")

_ADDED = np.array([name in SUMS for name in NAMES])
_LEAST = np.array([name in LEAST for name in NAMES])
_FIRST = slice(len(NAMES) - 2, len(NAMES))
_Piece = tuple[Ints, Ints, Ints]


@dataclass(slots=True)
class _Open:
    """A region that may go on in a block that has not come yet: its sums, in the order of NAMES."""

    sums: Ints
    pieces: list[_Piece]


@dataclass(slots=True)
class RegionJoin:
    """Joins the regions of the blocks of a mosaic of ``height_px`` x ``width_px``, given row by row.

    A region is whole when no pixel of it lies beside a block that has not come yet; it is returned then, and
    forgotten. Regions without a code of ``high_code`` or more are left out (hysteresis).
    """

    height_px: int
    width_px: int
    high_code: int
    _above: Ints = field(init=False)
    _before: Ints = field(init=False)
    _next: tuple[int, int] = (0, 0)
    _opened: int = 0
    _open: dict[int, _Open] = field(default_factory=dict)
    _parent: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._above = np.full(self.width_px, NOBODY, np.int64)
        self._before = np.zeros(0, np.int64)

    @property
    def open_regions(self) -> int:
        """How many regions may still go on."""
        return len(self._open)

    def add(self, block: BlockRegions) -> Regions:
        """Take the next block, and return the regions that are whole now.

        Raises:
            ValueError: if it is not the next one.
        """
        self._check(block)
        at_border = np.unique(np.concatenate([block.top, block.bottom, block.left, block.right]))
        at_border = at_border[at_border != NOBODY]
        is_inner = block.regions.sums["code_max"] >= self.high_code
        is_inner[at_border] = False
        names = self._opened_of(block.regions, at_border)
        cols = slice(block.window.col_start, block.window.col_stop)
        self._unite(_named(block.top, names), self._above[cols])
        if block.window.col_start:
            self._unite(_named(block.left, names), self._before)
        self._go_on(block, names)
        return joined([chosen(block.regions, is_inner), self._closed()])

    def _check(self, block: BlockRegions) -> None:
        window = block.window
        if (window.row_start, window.col_start) != self._next:
            raise ValueError(f"blocks are joined row by row: after others {self._next} is next, not {window}")
        at_end = window.col_stop >= self.width_px
        self._next = (window.row_stop, 0) if at_end else (window.row_start, window.col_stop)

    def _opened_of(self, regions: Regions, at_border: Ints) -> Ints:
        """Open regions, and return the name of each region (n) of the block, NOBODY of those not opened."""
        names = np.full(len(regions), NOBODY, np.int64)
        names[at_border] = np.arange(self._opened, self._opened + len(at_border))
        sums = np.stack([regions.sums[name] for name in NAMES], axis=1)[at_border]
        corners = regions.corners
        starts = np.searchsorted(corners.region, at_border).tolist()
        stops = np.searchsorted(corners.region, at_border, side="right").tolist()
        for nth, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            part = slice(start, stop)
            piece = corners.row[part].copy(), corners.col[part].copy(), corners.charge[part].copy()
            self._open[self._opened + nth] = _Open(sums[nth], [piece])
        self._opened += len(at_border)
        return names

    def _unite(self, here: Ints, there: Ints) -> None:
        """Make one of the regions that lie side by side across a border."""
        both = (here != NOBODY) & (there != NOBODY)
        for one, other in np.unique(np.stack([here[both], there[both]], axis=1), axis=0).tolist():
            self._merge(self._root(one), self._root(other))

    def _root(self, name: int) -> int:
        parent, root = self._parent, name
        while root in parent:
            root = parent[root]
        while name != root:
            parent[name], name = root, parent[name]
        return root

    def _merge(self, one: int, other: int) -> None:
        if one == other:
            return
        if len(self._open[one].pieces) < len(self._open[other].pieces):
            one, other = other, one
        kept, gone = self._open[one], self._open.pop(other)
        self._parent[other] = one
        kept.sums = _summed(kept.sums, gone.sums)
        kept.pieces += gone.pieces

    def _go_on(self, block: BlockRegions, names: Ints) -> None:
        """Keep what borders on blocks to come, each pixel by the name that its region has now."""
        window = block.window
        is_last_row, is_last_col = window.row_stop >= self.height_px, window.col_stop >= self.width_px
        self._above[window.col_start : window.col_stop] = (
            NOBODY if is_last_row else _named(block.bottom, names)
        )
        self._before = np.zeros(0, np.int64) if is_last_col else _named(block.right, names)
        self._above, self._before = self._renamed(self._above), self._renamed(self._before)
        self._parent.clear()

    def _renamed(self, names: Ints) -> Ints:
        known, place = np.unique(names, return_inverse=True)
        now = np.array([self._root(name) for name in known.tolist()], np.int64)
        return now[place] if len(now) else names

    def _closed(self) -> Regions:
        """Forget the regions that border on no block to come, and return them."""
        going_on = {*np.unique(self._above).tolist(), *np.unique(self._before).tolist()}
        over = [self._open.pop(name) for name in [*self._open] if name not in going_on]
        return _whole([one for one in over if one.sums[NAMES.index("code_max")] >= self.high_code])


def _named(border: Ints, names: Ints) -> Ints:
    return np.where(border == NOBODY, NOBODY, names[border]) if len(names) else border


def _summed(one: Ints, other: Ints) -> Ints:
    found = np.where(_LEAST, np.minimum(one, other), np.maximum(one, other))
    found = np.where(_ADDED, one + other, found)
    found[_FIRST] = min(tuple(one[_FIRST]), tuple(other[_FIRST]))
    return found


def _whole(regions: Sequence[_Open]) -> Regions:
    table = np.array([one.sums for one in regions], np.int64).reshape(len(regions), len(NAMES))
    sums = {name: table[:, nth] for nth, name in enumerate(NAMES)}
    pieces = [piece for one in regions for piece in one.pieces]
    sizes = [sum(len(piece[0]) for piece in one.pieces) for one in regions]
    row, col, charge = (_joined_ints(piece[nth] for piece in pieces) for nth in range(3))
    corners = added_corners(np.repeat(np.arange(len(regions)), sizes), row, col, charge)
    return Regions(sums, corners)


def chosen(regions: Regions, is_chosen: NDArray[np.bool_]) -> Regions:
    """Return some of the regions, in their order."""
    if is_chosen.all():
        return regions
    corners = regions.corners
    place = np.cumsum(is_chosen) - 1
    kept = is_chosen[corners.region]
    row, col, charge = corners.row[kept], corners.col[kept], corners.charge[kept]
    sums = {name: values[is_chosen] for name, values in regions.sums.items()}
    return Regions(sums, Corners(place[corners.region[kept]], row, col, charge))


def split(regions: Regions, most_corners: int) -> Iterator[Regions]:
    """Yield the regions in their order, parts of so many corners or fewer, or of one region."""
    corners, start = regions.corners, 0
    ends = np.searchsorted(corners.region, np.arange(len(regions)), side="right")
    while start < len(regions):
        begin = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, begin + most_corners, side="right")))
        part = slice(begin, int(ends[stop - 1]))
        own = Corners(
            corners.region[part] - start, corners.row[part], corners.col[part], corners.charge[part]
        )
        yield Regions({name: values[start:stop] for name, values in regions.sums.items()}, own)
        start = stop


def joined(parts: Sequence[Regions]) -> Regions:
    """Return the regions of all parts, one part after the other."""
    starts = np.cumsum([0, *map(len, parts)])
    corners = [part.corners for part in parts]
    region = _joined_ints(one.region + start for one, start in zip(corners, starts[:-1], strict=True))
    row, col, charge = (
        _joined_ints(getattr(one, name) for one in corners) for name in ("row", "col", "charge")
    )
    sums = {name: _joined_ints(part.sums[name] for part in parts) for name in NAMES}
    return Regions(sums, Corners(region, row, col, charge))


def _joined_ints(parts: Iterable[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *parts])
