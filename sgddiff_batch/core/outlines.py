"""Outlines: the corners of regions become closed rings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgddiff_batch.core.components import Ints
from sgddiff_batch.core.regions import Corners


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """The rings of regions, those of a region together, its outer one first, all others its holes.

    ``region`` (k) and ``start`` (k + 1) say whose each ring is, and where its points begin; ``row`` and
    ``col`` (p) are the points, the first one of a ring again at its end. Where (column, row) count to the
    right and upwards, outer rings run counter-clockwise and holes clockwise. Rings of a region touch in
    points at most, and none touches itself, as OGC's polygons ask.
    """

    region: Ints
    start: Ints
    row: Ints
    col: Ints


def rings_of(corners: Corners) -> Rings:
    """Return the rings of whole regions.

    Raises:
        ValueError: if the corners are not those of whole regions.
    """
    region, row, col, in_row, is_second = _nodes(corners)
    across = _pairs(in_row, region, row)
    down = _pairs(_by_columns(region, row, col, is_second), region, col)
    order, start = _walked(across, down)
    heads = order[start[:-1]]
    counts = np.diff(start)
    closed = np.insert(order, start[1:], heads)
    # Holes are walked as outer rings are, from their first corner in reading order to the right.
    is_hole = region[heads] == np.concatenate([[-1], region[heads][:-1]])
    ends = start + np.arange(len(start))
    closed = _turned(closed, ends, counts + 1, is_hole)
    return Rings(region[heads], ends, row[closed], col[closed])


def _nodes(corners: Corners) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Return corners with one edge along each axis: where two pixels touch in a point there are two.

    Each of the two bounds one of the two gaps, so that the ring goes on with the other pixel: a line that
    closes there would touch itself. The last two columns are the nodes in their order along rows, which is
    theirs but for such a pair, and which of two is the second one along a column.
    """
    twice = np.where(np.abs(corners.charge) == 2, 2, 1)
    place = np.repeat(np.arange(len(corners)), twice)
    second = np.concatenate([[0], (np.diff(place) == 0).astype(np.int64)])[: len(place)]
    is_two = corners.charge[place] == 2  # pixels above left and below right: the gap above right is first
    in_row = np.arange(len(place)) + np.where(is_two, 1 - 2 * second, 0)
    return corners.region[place], corners.row[place], corners.col[place], in_row, second


def _by_columns(region: Ints, row: Ints, col: Ints, is_second: Ints) -> Ints:
    """Return nodes in their order along columns: by one key, which is much faster than by four."""
    if not len(region):
        return region
    top, left = int(row.min()), int(col.min())
    height, width = int(row.max()) - top + 1, int(col.max()) - left + 1
    found: Ints = np.argsort((((region * width + col - left) * height + row - top) << 1) + is_second)
    return found


def _pairs(order: Ints, region: Ints, line: Ints) -> Ints:
    """Return each node's other end of its edge along a line: nodes of a line are ends in turns."""
    one, other = order[::2], order[1::2]
    whole = len(one) == len(other) and np.array_equal(line[one], line[other])
    if not whole or not np.array_equal(region[one], region[other]):
        raise ValueError("these corners are not those of whole regions")
    partner = np.empty(len(order), np.int64)
    partner[one], partner[other] = other, one
    return partner


def _walked(across: Ints, down: Ints) -> tuple[Ints, Ints]:
    """Return the nodes ring by ring, each begun with an edge along a row, and where the rings begin."""
    beside, onward = across.tolist(), down[across].tolist()
    seen = bytearray(len(beside))
    firsts: list[int] = []  # of the two ends of each edge along a row: few steps, for this is Python's loop
    start = [0]
    head = seen.find(0)
    while head >= 0:
        node = head
        while not seen[node]:
            seen[node] = seen[beside[node]] = 1
            firsts.append(node)
            node = onward[node]
        start.append(2 * len(firsts))
        head = seen.find(0, head)
    first = np.array(firsts, np.int64)
    return np.stack([first, across[first]], axis=1).ravel(), np.array(start, np.int64)


def _turned(order: Ints, start: Ints, counts: Ints, is_turned: Ints) -> Ints:
    """Return the closed rings with some of them the other way round."""
    turned = np.repeat(is_turned, counts)
    first, last = np.repeat(start[:-1], counts), np.repeat(start[1:] - 1, counts)
    place = np.arange(len(order))
    found: Ints = order[np.where(turned, first + last - place, place)]
    return found
