"""Gallery: which scenes of a run are shown: the newest, most salient, slowest and those that drifted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.previews import Preview

_LEAST_SHARE = 1e-5
"""Shares below are the same to the eye, and none has no logarithm."""

NEWEST, SALIENT, SLOWEST, DRIFTED = "newest", "most salient", "slowest", "drifted"
"""Why a scene is worth a look."""


def drift_of(share: float, typical: float) -> float:
    """Return how far a salient share is from the usual one: the distance of their logarithms."""
    return abs(math.log(max(share, _LEAST_SHARE)) - math.log(max(typical, _LEAST_SHARE)))


def picked(chosen: Mapping[str, Sequence[str]], most: int) -> dict[str, tuple[str, ...]]:
    """Return the first of each list in turn until there are so many, each once, with all that it is.

    chosen: names by why they are worth a look, the worthiest first.
    """
    quota = quota_of(most, len(chosen), len(chosen[NEWEST]))
    first = {why: frozenset(names[:quota]) for why, names in chosen.items()}
    found: dict[str, tuple[str, ...]] = {}
    for turn in zip_longest(*chosen.values()):
        for name in turn:
            if name is not None and len(found) < most and name not in found:
                found[name] = tuple(why for why, names in first.items() if name in names)
    return found


def quota_of(most: int, lists: int, scenes: int) -> int:
    """Return how many of each list are called so; of a few scenes each would be all of these."""
    return min(-(-most // max(1, lists)), max(1, scenes // 4))


@dataclass(frozen=True, slots=True)
class PreviewWish:
    """Which scenes are to come with a preview: those that pass one of the limits, or all (``is_sure``).

    salient: share of the pixels with data. slow_s: seconds until the codes are there. drift: distance to
    the share ``typical``.
    """

    is_sure: bool
    salient: float = math.inf
    slow_s: float = math.inf
    drift: float = math.inf
    typical: float | None = None

    def is_for(self, share: float | None, seconds: float) -> bool:
        """Whether it is for a scene of this salient share (None: no data) that took so long."""
        if self.is_sure or seconds > self.slow_s:
            return True
        if share is None:
            return False
        return share > self.salient or (
            self.typical is not None and drift_of(share, self.typical) > self.drift
        )


@dataclass(frozen=True, slots=True)
class _Shown:
    preview: Preview
    number: int
    share: float | None
    seconds: float


class Gallery:
    """At most so many previews of a run's scenes, kept by what is known so far.

    typical: the salient share of most mosaics of the output, None where nobody knows.
    """

    def __init__(self, most: int, typical: float | None = None) -> None:
        self._most, self._typical = most, typical
        self._shown: dict[str, _Shown] = {}
        self._added = self._asked = 0
        self._limits = PreviewWish(is_sure=False, typical=typical)

    @property
    def previews(self) -> dict[str, Preview]:
        """The previews by the path of their mosaic."""
        return {store: one.preview for store, one in self._shown.items()}

    def wish(self, left: int) -> PreviewWish | None:
        """Return what is to be shown of the next scene that is handed out; so many are after it.

        The first ones, for nothing is known yet, and the last ones, which are the newest, in any case.
        """
        if not self._most:
            return None
        self._asked += 1
        if self._asked <= 2 * self._most or left < self._most:
            return PreviewWish(is_sure=True)
        return self._limits

    def add(self, store: str, preview: Preview, share: float | None, seconds: float) -> None:
        """Keep a preview as long as it is among those to be shown. seconds: as of the wish."""
        self._added += 1
        self._shown[store] = _Shown(preview, self._added, share, seconds)
        chosen = self._chosen()
        if len(self._shown) > self._most:
            kept = picked(chosen, self._most)
            self._shown = {name: one for name, one in self._shown.items() if name in kept}
        self._limits = self._limits_of(chosen)

    def _chosen(self) -> dict[str, list[str]]:
        keys: dict[str, Any] = {
            NEWEST: lambda one: one.number,
            SALIENT: lambda one: one.share or 0.0,
            SLOWEST: lambda one: one.seconds,
        }
        if (typical := self._typical) is not None:
            keys[DRIFTED] = lambda one: 0.0 if one.share is None else drift_of(one.share, typical)
        return {
            why: sorted(self._shown, key=lambda name: key(self._shown[name]), reverse=True)
            for why, key in keys.items()
        }

    def _limits_of(self, chosen: Mapping[str, Sequence[str]]) -> PreviewWish:
        """Return the wish for what would be among the first of its list."""
        last = quota_of(self._most, len(chosen), self._most * 4) - 1
        if len(self._shown) <= last:
            return PreviewWish(is_sure=False, typical=self._typical)
        salient, slow = (self._shown[chosen[why][last]] for why in (SALIENT, SLOWEST))
        drift = math.inf
        if self._typical is not None:
            drift = drift_of(self._shown[chosen[DRIFTED][last]].share or 0.0, self._typical)
        return PreviewWish(False, salient.share or 0.0, slow.seconds, drift, self._typical)


def typical_share(valid_px: NDArray[np.int64], salient_px: NDArray[np.int64]) -> float | None:
    """Return the median of the salient shares of mosaics, None where none has data."""
    known = valid_px > 0
    return float(np.median(salient_px[known] / valid_px[known])) if known.any() else None
