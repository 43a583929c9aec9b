"""Comparing: which scenes of an archive are new or changed, by columns, and which of them a run does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

import numpy as np

from sgddiff_batch.core.numbers import Numbers
from sgddiff_batch.core.record_columns import RecordColumns
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.texts import Mask, Rows, Texts, TextSet, same


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What becomes of each scene, in three masks that are one whole, and its record.

    ``record_rows`` (n) are rows of the records, -1 where a scene has none.
    """

    is_new: Mask
    is_unchanged: Mask
    is_quarantined: Mask
    record_rows: Rows


def compare(
    scenes: SceneTable, records: RecordColumns, run_key: str, again: Iterable[str] = ()
) -> Comparison:
    """Compare scenes with what the ledger knows of them.

    New is a scene without a record, one whose version or run key is not the record's, and one of ``again``.
    Of the others some are still in quarantine, and the rest are unchanged.
    """
    rows = TextSet(records.ids).rows(scenes.ids)
    known = np.flatnonzero(rows >= 0)
    here = rows[known]
    holds = same(scenes.versions.take(known), records.versions.take(here))
    keys = (key == run_key for key in records.run_keys.take(here))
    holds &= np.fromiter(keys, np.bool_, len(here))
    is_known = np.zeros(len(scenes), np.bool_)
    is_known[known[holds]] = True
    is_known &= ~is_among(scenes.ids, again)
    has_reason = np.zeros(len(scenes), np.bool_)
    has_reason[known] = records.reasons.lengths()[here] > 0
    return Comparison(~is_known, is_known & ~has_reason, is_known & has_reason, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Which of some scenes a run does, in their order, and which it leaves, all by their rows."""

    done: Rows
    not_asked_for: Rows
    over_the_limit: Rows


def divide(
    ids: Texts,
    only: Set[str] | None = None,
    again: Set[str] = frozenset(),
    limit: int | None = None,
    waiting_since_s: Mapping[str, float] | None = None,
) -> Division:
    """Return which scenes a run does: of those in ``only`` (None: of all) at most ``limit``.

    Where these are more, those in ``again`` come first, then those that have waited longest, by
    ``waiting_since_s`` (what is not known is the longest), then by id.
    """
    is_wanted = np.ones(len(ids), np.bool_) if only is None else is_among(ids, only)
    wanted, left = np.flatnonzero(is_wanted), np.flatnonzero(~is_wanted)
    if limit is None or len(wanted) <= limit:
        return Division(wanted, left, np.empty(0, np.intp))
    names = ids.take(wanted)
    since_s = Numbers.of(waiting_since_s or {}).at(names)
    place = np.empty(len(wanted), np.intp)
    place[names.order()] = np.arange(len(wanted))
    since_s = np.where(np.isnan(since_s), -math.inf, since_s)
    ranked = wanted[np.lexsort((place, since_s, ~is_among(names, again)))]
    return Division(ranked[:limit], left, ranked[limit:])


def is_among(ids: Texts, chosen: Iterable[str]) -> Mask:
    """Return for each id whether it is one of the chosen."""
    if isinstance(chosen, TextSet):
        return chosen.has(ids)
    held = tuple(chosen)
    return TextSet(held).has(ids) if held else np.zeros(len(ids), np.bool_)
