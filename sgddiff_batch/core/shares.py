"""Shares: how salient the scenes of a run are, as counts in fixed classes, and how far two runs are apart."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SHARE_CLASSES = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
"""The upper ends of the classes, as shares of the pixels with data; the first is of scenes with none.

Counts by them are stored in reports, and compared over runs: they do not change.
"""


def share_class(salient_px: int, valid_px: int) -> int | None:
    """Return the number of the class of a scene, None of one without data."""
    if valid_px <= 0:
        return None
    return min(bisect_left(SHARE_CLASSES, salient_px / valid_px), len(SHARE_CLASSES) - 1)


def distance(some: Sequence[float], others: Sequence[float]) -> float | None:
    """Return how far two distributions are apart, 0 (the same) to 1 (nothing in common), by their counts.

    It is the share of the scenes of one that would have to be in another class to be as those of the other:
    the total variation. None where one of them counts nothing, or they have not the same classes.
    """
    total, other = sum(some), sum(others)
    if not total or not other or len(some) != len(others):
        return None
    return sum(abs(one / total - two / other) for one, two in zip(some, others, strict=True)) / 2
