"""Coast: outlines of land for maps, from a small file beside this one, right to some ten kilometres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

_FILE = Path(__file__).with_name("land.txt")


def land_in(box: Box) -> Iterator[Ring]:
    """Yield the rings of land (n, 2), longitude and latitude, as far as a box shows them.

    A ring is cut at the box, so that what leads along its edge is no coast; one inside another is water.
    """
    west, south, east, north = box
    for ring, (left, bottom, right, top) in _rings():
        if left <= east and right >= west and bottom <= north and top >= south:
            cut = clipped(ring, box)
            if len(cut) > 2:
                yield cut


def clipped(ring: Ring, box: Box) -> Ring:
    """Return the part of a closed ring (n, 2) in a box, closed along its edges (Sutherland, Hodgman 1974)."""
    for axis, limit, sign in ((0, box[0], 1), (0, box[2], -1), (1, box[1], 1), (1, box[3], -1)):
        if not len(ring):
            break
        depth = sign * (ring[:, axis] - limit)
        if (depth >= 0).all():
            continue
        ring = _cut(ring, depth)
    return ring


def _cut(ring: Ring, depth: NDArray[np.float64]) -> Ring:
    """Return the part of a ring that is not below a line; depth (n,): how far above it each point is."""
    before, deep = np.roll(ring, 1, axis=0), np.roll(depth, 1)
    found: list[NDArray[np.float64]] = []
    for point, last, here, there in zip(ring, before, depth, deep, strict=True):
        if (here >= 0) != (there >= 0):
            found.append(last + (point - last) * (there / (there - here)))
        if here >= 0:
            found.append(point)
    return np.array(found).reshape(-1, 2)


@cache
def _rings() -> Sequence[tuple[Ring, Box]]:
    rings = []
    for line in _FILE.read_text("ascii").splitlines():
        if line and not line.startswith("#"):
            points = [[int(number) for number in pair.split(",")] for pair in line.split()]
            ring = np.array(points[:-1], dtype=np.float64) / 10
            (left, bottom), (right, top) = ring.min(0), ring.max(0)
            rings.append((ring, (float(left), float(bottom), float(right), float(top))))
    return rings
