"""Extents: the least box on the globe that holds many."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Box = tuple[float, float, float, float]

GLOBE: Box = (-180.0, -90.0, 180.0, 90.0)
_TURN_DEG = 360.0


def covering_box(boxes: ArrayLike) -> Box:
    """Return the least box that holds all boxes, in degrees; :data:`GLOBE` where there are none.

    boxes: (n, 4), each west, south, east, north; west > east, there and in what is returned, where a box
    crosses the antimeridian.
    """
    found: NDArray[np.float64] = np.asarray(boxes, np.float64).reshape(-1, 4)
    if not len(found):
        return GLOBE
    west, east = _covering_arc(found[:, 0], found[:, 2])
    return west, float(found[:, 1].min()), east, float(found[:, 3].max())


def _covering_arc(west: NDArray[np.float64], east: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the least arc that holds all arcs: what the widest gap between them leaves."""
    stop = np.where(east < west, east + _TURN_DEG, east)
    order = np.argsort(west, kind="stable")
    # What reaches over the antimeridian reaches as far on its other side.
    start, reach = west[order], np.maximum(np.maximum.accumulate(stop[order]), stop.max() - _TURN_DEG)
    # After each arc, but for the last, the next begins; after the last the first does, a turn later.
    gaps = np.append(start[1:], start[0] + _TURN_DEG) - reach
    widest = int(np.argmax(gaps))
    if gaps[widest] <= 0:
        return GLOBE[0], GLOBE[2]
    first = start[(widest + 1) % len(start)]
    last = reach[widest]
    return float(first), float(last - _TURN_DEG if last > GLOBE[2] else last)
