"""Digest: what a page shows of the scenes of a report, picked in one pass: a million rows are never held."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from itertools import chain, zip_longest
from typing import Any

from sgddiff_batch.core.words import on_one_line, redacted
from sgddiff_batch.io.reports import DAMAGED

Row = Mapping[str, Any]

TROUBLES = ("failed", "pending", DAMAGED, "quarantined", "still quarantined")
"""The states that somebody has to look at, the gravest first."""

MOST_TROUBLES = 200
MOST_MADE = 200
_MOST_REASONS = 1000
_LEAST_SHARE = 1e-5
"""Shares below are the same to the eye, and none has no logarithm."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A scene to be drawn: its row, and why it is worth a look: newest, most salient, slowest, drifted."""

    row: Row
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """What a page shows of the scenes of a report.

    ``troubles``: rows of scenes that somebody has to look at, the gravest first, at most ``MOST_TROUBLES`` of
    each state; ``states`` counts all of them. ``reasons``: what is wrong, digits left out, with how often it
    is. ``made``: the mosaics made last. ``picks``: the scenes to be drawn. ``ids``: of the scenes made, for
    the map; None where they are too many.
    """

    states: Mapping[str, int]
    troubles: tuple[Row, ...]
    reasons: tuple[tuple[str, int], ...]
    made: tuple[Row, ...]
    picks: tuple[Pick, ...]
    ids: frozenset[str] | None


@dataclass(slots=True)
class _Best:
    """At most so many rows, those with the greatest keys."""

    most: int
    key: Callable[[Row], float]
    rows: list[tuple[float, int, Row]] = field(default_factory=list)
    seen: int = 0

    def add(self, row: Row) -> None:
        key, self.seen = self.key(row), self.seen + 1
        if len(self.rows) < self.most:
            heappush(self.rows, (key, -self.seen, row))
        elif self.rows and key > self.rows[0][0]:
            heapreplace(self.rows, (key, -self.seen, row))

    def sorted(self) -> list[Row]:
        return [row for _, _, row in sorted(self.rows, key=lambda kept: kept[:2], reverse=True)]


def digest_of(
    rows: Iterable[Row], pictures: int, typical_share: float | None = None, most_ids: int = 100_000
) -> Digest:
    """Return the digest of the rows of a report; what is kept of them holds no secrets.

    pictures: so many scenes are picked. typical_share: the salient share of most mosaics of the output, from
    which the drifted ones are furthest; None where nobody knows.
    """
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    troubles: dict[str, list[Row]] = {state: [] for state in TROUBLES}
    made: deque[Row] = deque(maxlen=max(MOST_MADE, pictures))
    best = _bests(pictures, typical_share)
    ids: set[str] | None = set()
    for row in rows:
        state = str(row.get("state", "?"))
        states[state] += 1
        if state in troubles:
            _count_reason(reasons, row)
            if len(troubles[state]) < MOST_TROUBLES:
                troubles[state].append(_kept(row))
        elif state == "done" and row.get("store"):
            made.append(row)
            for one in best.values():
                one.add(row)
            if ids is not None:
                ids.add(str(row.get("scene_id", "")))
                ids = ids if len(ids) <= most_ids else None
    newest = [*reversed(made)]
    chosen = {"newest": newest} | {why: one.sorted() for why, one in best.items()}
    return Digest(
        dict(states),
        tuple(chain.from_iterable(troubles.values())),
        tuple(reasons.most_common(12)),
        tuple(map(_kept, newest[:MOST_MADE])),
        _picked(chosen, pictures),
        None if ids is None else frozenset(ids),
    )


def salient_share(row: Row) -> float:
    """Return the salient part of the pixels with data, 0 where there are none."""
    valid = row.get("valid_px") or 0
    return (row.get("salient_px") or 0) / valid if valid else 0.0


def seconds_of(row: Row) -> float:
    """Return the seconds of all stages of a scene."""
    seconds = row.get("seconds")
    return float(sum(seconds.values())) if isinstance(seconds, Mapping) else 0.0


def _bests(pictures: int, typical_share: float | None) -> dict[str, _Best]:
    best = {"most salient": _Best(pictures, salient_share), "slowest": _Best(pictures, seconds_of)}
    if typical_share is not None:
        middle = math.log(max(typical_share, _LEAST_SHARE))
        best["drifted"] = _Best(pictures, lambda row: _distance(row, middle))
    return best


def _distance(row: Row, middle: float) -> float:
    """Return how far the salient part of a scene is from the usual one; of one without data not at all."""
    return abs(math.log(max(salient_share(row), _LEAST_SHARE)) - middle) if row.get("valid_px") else 0.0


def _picked(chosen: Mapping[str, list[Row]], most: int) -> tuple[Pick, ...]:
    """Return the first of each list in turn until there are so many, each once, with all that it is."""
    # Of a few scenes each would be all of these.
    quota = min(-(-most // max(1, len(chosen))), max(1, len(chosen["newest"]) // 4))
    first = {why: {str(row["store"]) for row in rows[:quota]} for why, rows in chosen.items()}
    picks: dict[str, Pick] = {}
    for turn in zip_longest(*chosen.values()):
        for row in turn:
            if row is None or len(picks) == most or str(row["store"]) in picks:
                continue
            why = tuple(why for why, stores in first.items() if str(row["store"]) in stores)
            picks[str(row["store"])] = Pick(_kept(row), why)
    return tuple(picks.values())


def _count_reason(reasons: Counter[str], row: Row) -> None:
    if not (reason := row.get("reason")):
        return
    words = re.sub(r"\d+", "#", on_one_line(redacted(str(reason))))[:160]
    if words in reasons or len(reasons) < _MOST_REASONS:
        reasons[words] += 1


def _kept(row: Row) -> Row:
    kept = redacted(row)
    assert isinstance(kept, dict)
    return kept
