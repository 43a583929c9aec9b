"""Digest: what a page shows of the scenes of a report, picked in one pass: a million rows are never held."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from itertools import chain
from typing import Any

from sgddiff_batch.core.gallery import DRIFTED, NEWEST, SALIENT, SLOWEST, drift_of, picked
from sgddiff_batch.core.words import on_one_line, redacted
from sgddiff_batch.io.reports import DAMAGED

Row = Mapping[str, Any]

TROUBLES = ("failed", "pending", DAMAGED, "quarantined", "still quarantined")
"""The states that somebody has to look at, the gravest first."""

MOST_TROUBLES = 200
MOST_MADE = 200
_MOST_REASONS = 1000


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
    rows: Iterable[Row],
    pictures: int,
    typical_share: float | None = None,
    most_ids: int = 100_000,
    ready: Collection[str] = (),
) -> Digest:
    """Return the digest of the rows of a report; what is kept of them holds no secrets.

    pictures: so many scenes are picked. typical_share: the salient share of most mosaics of the output, from
    which the drifted ones are furthest; None where nobody knows. ready: paths of mosaics, few, that can be
    drawn without a read: these are picked before others.
    """
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    troubles: dict[str, list[Row]] = {state: [] for state in TROUBLES}
    made: deque[Row] = deque(maxlen=max(MOST_MADE, pictures))
    best, at_hand = _bests(pictures, typical_share), dict[str, Row]()
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
            if row["store"] in ready:
                at_hand[str(row["store"])] = row
            for one in best.values():
                one.add(row)
            if ids is not None:
                ids.add(str(row.get("scene_id", "")))
                ids = ids if len(ids) <= most_ids else None
    newest = [*reversed(made)]
    chosen = {NEWEST: newest} | {why: one.sorted() for why, one in best.items()}
    return Digest(
        dict(states),
        tuple(chain.from_iterable(troubles.values())),
        tuple(reasons.most_common(12)),
        tuple(map(_kept, newest[:MOST_MADE])),
        _picked(chosen, at_hand, pictures),
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
    best = {SALIENT: _Best(pictures, salient_share), SLOWEST: _Best(pictures, seconds_of)}
    if typical_share is not None:
        best[DRIFTED] = _Best(pictures, lambda row: _drift(row, typical_share))
    return best


def _drift(row: Row, typical: float) -> float:
    """Return how far the salient part of a scene is from the usual one; of one without data not at all."""
    return drift_of(salient_share(row), typical) if row.get("valid_px") else 0.0


def _picked(chosen: Mapping[str, Sequence[Row]], at_hand: Mapping[str, Row], most: int) -> tuple[Pick, ...]:
    """Return the scenes to be drawn: those at hand first, each with all that it is among all scenes."""
    rows = dict(at_hand) | {str(row["store"]): row for rows in chosen.values() for row in rows}
    names = {why: [str(row["store"]) for row in rows] for why, rows in chosen.items()}
    whys = picked(names, most)
    order = dict.fromkeys((*(name for name in whys if name in at_hand), *at_hand, *whys))
    return tuple(Pick(_kept(rows[name]), whys.get(name, ())) for name in [*order][:most])


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
