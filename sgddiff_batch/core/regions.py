"""Regions: what hangs together by edges of pixels in the codes of one block.

Pixels are never labelled: a region is a set of runs, the stretches of a row without a gap. Its outline is
kept as corners: of its mask m, m[r, c] - m[r-1, c] - m[r, c-1] + m[r-1, c-1] is not 0 at corners alone. That
is linear in the mask: parts of a region that do not share a pixel add up, and what borders of blocks put
between them cancels out. So the parts of a region joined are, exactly, the region of the whole picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.components import Ints, components
from sgddiff_batch.core.window import Window

NOBODY = -1
"""Of a pixel at a border: it is of no region."""

SUMS = ("pixels", "code_sum", "row_sum", "col_sum")
"""What adds up over the parts of a region; ``row_sum``, ``col_sum``: twice the places of pixel centres."""
LEAST, MOST = ("row_start", "col_start"), ("code_max", "row_stop", "col_stop")


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """Corners of outlines: (k) region, row, column and charge (-2..2, never 0), sorted by the first three.

    Rows and columns are those of the mosaic's pixel corners: (0, 0) is the first pixel's first one.
    """

    region: Ints
    row: Ints
    col: Ints
    charge: Ints

    def __len__(self) -> int:
        return len(self.region)


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Regions, in no order that means anything; ``sums`` has (n) integers of each name.

    Names: those of SUMS, LEAST and MOST; ``first_row``, ``first_col``: the first pixel in reading order.
    Rows and columns count from the mosaic's first pixel; a stop is the first one that is outside.
    """

    sums: dict[str, Ints]
    corners: Corners

    def __len__(self) -> int:
        return len(self.sums["pixels"])


@dataclass(frozen=True, slots=True, eq=False)
class BlockRegions:
    """The regions of a block, and which of them its border pixels are of (NOBODY: none).

    ``top`` and ``bottom`` are (width), ``left`` and ``right`` (height).
    """

    window: Window
    regions: Regions
    top: Ints
    bottom: Ints
    left: Ints
    right: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Runs of a block in reading order: (n) row, half-open columns, and the region of each."""

    row: Ints
    start: Ints
    stop: Ints
    region: Ints


def block_regions(codes: NDArray[np.uint8], window: Window, low_code: int) -> BlockRegions:
    """Return the regions of codes of ``low_code`` and more, 4-connected within a block; 255 is in none.

    codes: (h, w) uint8 of ``window``, a rectangle of the mosaic.

    Raises:
        ValueError: if the codes are not as large as the window, or ``low_code`` is not within 0..254.
    """
    if codes.shape != (window.height_px, window.width_px):
        raise ValueError(f"codes of {codes.shape} are not those of {window}")
    if not 0 <= low_code < NO_DATA:
        raise ValueError(f"the least code of a region must be within 0 and 254, got {low_code}")
    runs = _runs_of((codes >= low_code) & (codes != NO_DATA))
    regions = Regions(_sums_of(runs, codes, window), _corners_of(runs, window))
    return BlockRegions(window, regions, *_borders_of(runs, window))


def _runs_of(mask: NDArray[np.bool_]) -> _Runs:
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.bool_)
    padded[:, 1:-1] = mask
    # Ends of runs, begin and end in turns: a row begins and ends outside of all.
    ends = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    row, start = np.divmod(ends[::2], width + 1)
    stop = ends[1::2] - row * (width + 1)
    upper, lower = _touching(row, start, stop, width)
    root = components(len(row), upper, lower)
    is_first = root == np.arange(len(row))
    return _Runs(row, start, stop, (np.cumsum(is_first) - 1)[root])


def _touching(row: Ints, start: Ints, stop: Ints, width: int) -> tuple[Ints, Ints]:
    """Return the pairs of runs, of a row and of the next one, that share an edge."""
    side = width + 1
    begins, ends = row * side + start, row * side + stop
    first = np.searchsorted(ends, begins + side, side="right")
    counts = np.maximum(np.searchsorted(begins, ends + side, side="left") - first, 0)
    upper = np.repeat(np.arange(len(row), dtype=np.int64), counts)
    nth = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + nth


def _sums_of(runs: _Runs, codes: NDArray[np.uint8], window: Window) -> dict[str, Ints]:
    count = int(runs.region.max()) + 1 if len(runs.region) else 0
    row, start, stop = (
        runs.row + window.row_start,
        runs.start + window.col_start,
        runs.stop + window.col_start,
    )
    size = stop - start
    sums, highest = _of_codes(runs, codes)
    added = {
        "pixels": size,
        "code_sum": sums,
        "row_sum": (2 * row + 1) * size,
        "col_sum": stop * stop - start * start,
    }
    found = {name: _added(runs.region, values, count) for name, values in added.items()}
    for name, values in (("row_start", row), ("col_start", start)):
        found[name] = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(found[name], runs.region, values)
    for name, values in (("code_max", highest), ("row_stop", row + 1), ("col_stop", stop)):
        found[name] = np.full(count, -1, dtype=np.int64)
        np.maximum.at(found[name], runs.region, values)
    # Runs are in reading order, and so are the first ones of the regions.
    first = np.unique(runs.region, return_index=True)[1]
    return found | {"first_row": row[first], "first_col": start[first]}


def _added(region: Ints, values: Ints, count: int) -> Ints:
    # Sums of a block are far below 2^53, up to where float64 counts exactly.
    return np.bincount(region, weights=values, minlength=count).astype(np.int64)


def _of_codes(runs: _Runs, codes: NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """Return the sum and the highest of the codes of each run."""
    if not len(runs.row):
        return runs.row, runs.row
    ends = np.stack([runs.row, runs.row]) * codes.shape[1] + np.stack([runs.start, runs.stop])
    flat, cuts = np.ascontiguousarray(codes).ravel(), ends.T.ravel()
    cuts = cuts[:-1] if cuts[-1] == flat.size else cuts
    sums = np.add.reduceat(flat, cuts, dtype=np.int64)[::2]
    return sums, np.maximum.reduceat(flat, cuts)[::2].astype(np.int64)


def _corners_of(runs: _Runs, window: Window) -> Corners:
    region = np.tile(runs.region, 4)
    row = np.concatenate([runs.row, runs.row, runs.row + 1, runs.row + 1]) + window.row_start
    col = np.concatenate([runs.start, runs.stop, runs.start, runs.stop]) + window.col_start
    count = len(runs.row)
    charge = np.repeat(np.array([1, -1, -1, 1]), count)
    return added_corners(region, row, col, charge)


def added_corners(region: Ints, row: Ints, col: Ints, charge: Ints) -> Corners:
    """Return corners in their order, charges at one place of one region added up, and zeros left out."""
    if not len(region):
        return Corners(region, row, col, charge)
    # One key a corner, its charge (-2..2) behind it: to sort keys is much faster than to sort by three.
    top, left = int(row.min()), int(col.min())
    height, width = int(row.max()) - top + 1, int(col.max()) - left + 1
    keys = np.sort((((region * height + row - top) * width + col - left) << 3) + (charge + 2))
    places = keys >> 3
    first = np.flatnonzero(np.diff(places, prepend=places[0] - 1))
    total = np.add.reduceat((keys & 7) - 2, first)
    place, kept = places[first][total != 0], total[total != 0]
    place, col_in = np.divmod(place, width)
    region_of, row_in = np.divmod(place, height)
    return Corners(region_of, row_in + top, col_in + left, kept)


def _borders_of(runs: _Runs, window: Window) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the regions of a block's top, bottom, left and right pixels."""
    height, width = window.height_px, window.width_px
    left, right = np.full(height, NOBODY, np.int64), np.full(height, NOBODY, np.int64)
    at_left, at_right = runs.start == 0, runs.stop == width
    left[runs.row[at_left]] = runs.region[at_left]
    right[runs.row[at_right]] = runs.region[at_right]
    return _row_of(runs, 0, width), _row_of(runs, height - 1, width), left, right


def _row_of(runs: _Runs, row: int, width: int) -> Ints:
    found = np.full(width, NOBODY, np.int64)
    first, after = np.searchsorted(runs.row, [row, row + 1])
    for nth in range(first, after):
        found[runs.start[nth] : runs.stop[nth]] = runs.region[nth]
    return found
