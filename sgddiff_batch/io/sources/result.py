"""What an archive was found to hold, by all its sources, and what a plan and a report say of it."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sgddiff_batch.core.fact_table import FactTable
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.span_table import SpanTable
from sgddiff_batch.core.texts import Texts
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.archive import IgnoredFile

_NAMED = 100
"""So many scenes are named in a report for each of its numbers."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The scenes of an archive that are wanted, by id, and all that was found besides.

    ``ignored``: files that are no scenes, and those whose id another has. ``missing``: what sources name and
    is not there or may not be had, for quarantine. ``not_listed``: what could not be looked at, and items of
    which it cannot be told what they name: nobody knows their scenes. ``left_out``: scenes that are there and
    not wanted, by id, with the filter's reason or with what is not known of them. ``superseded``: ids of
    older versions, with the id of the newest. ``only_in``: for each of several sources, the wanted scenes
    that no other names. ``facts``: what is known of each wanted scene. ``items_left_out``: how many items
    of catalogues, and documents, no scene can be had of, by reason. ``scenes`` and ``facts`` of an archive
    are columns (:class:`SceneTable`, :class:`FactTable`), however many there are. ``times``: when scenes were
    taken, as catalogues say, or else a pattern finds in their ids; ``undated``, how many have no time though
    there is a pattern, and the first of them; None: there is no pattern.

    A scene that is in none of them is not in the archive any more, but only where the listing ``is_whole``:
    otherwise a server was asked for a part, or some place could not be looked at.
    """

    scenes: Sequence[Scene] = ()
    ignored: Sequence[IgnoredFile] = ()
    missing: tuple[IgnoredFile, ...] = ()
    not_listed: tuple[IgnoredFile, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    superseded: Mapping[str, str] = field(default_factory=dict)
    only_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, Facts] = field(default_factory=dict)
    items_left_out: Mapping[str, int] = field(default_factory=dict)
    is_whole: bool = True
    times: Mapping[str, TimeSpan] = field(default_factory=dict)
    undated: tuple[int, str] | None = None

    def rows(self) -> list[tuple[str, str]]:
        """Return what a plan prints of the listing: words and a number each, only what there is."""
        counts = {f"only in {source}": len(ids) for source, ids in self.only_in.items()}
        counts |= {f"left out: {reason}": n for reason, n in sorted(Counter(self.left_out.values()).items())}
        counts["superseded by newer versions"] = len(self.superseded)
        undated, first = self.undated or (0, "")
        counts[f"time_pattern finds no time, as in {printable(first)}"] = undated
        counts["named, but missing"] = len(self.missing)
        counts["not listed"] = len(self.not_listed)
        counts |= {f"catalogue items left out: {reason}": n for reason, n in self.item_counts().items()}
        return [(words, str(count)) for words, count in counts.items() if count]

    def item_counts(self) -> dict[str, int]:
        """Return ``items_left_out``, the most frequent reasons first; there may be one for each host."""
        most = Counter(self.items_left_out).most_common()
        rest = sum(count for _, count in most[_NAMED:])
        return {**dict(most[:_NAMED]), **({"other reasons": rest} if rest else {})}

    def report(self) -> dict[str, object]:
        """Return what a report says of the listing: of what is so every night, numbers and the first."""
        left_out: defaultdict[str, list[str]] = defaultdict(list)
        for scene_id, reason in self.left_out.items():
            left_out[reason].append(scene_id)
        superseded = sorted(self.superseded.items())
        return {
            "is_whole": self.is_whole,
            "ignored": dict(Counter(file.reason for file in self.ignored).most_common(_NAMED)),
            "only_in": dict(map(_numbered, self.only_in.items())),
            "left_out": dict(map(_numbered, left_out.items())),
            "superseded": {"scenes": len(superseded), "first": dict(superseded[:_NAMED])},
            "missing": len(self.missing),
            **({} if self.undated is None else {"undated": self.undated[0]}),
            "not_listed": {file.path: file.reason for file in self.not_listed},
        }


def times_of(
    ids: Texts, facts: Mapping[str, Facts], pattern: re.Pattern[str] | None
) -> tuple[Mapping[str, TimeSpan], tuple[int, str] | None]:
    """Return ``times`` and ``undated`` of a listing. ids: of its scenes, sorted."""
    told = facts.more if isinstance(facts, FactTable) else facts
    spans = {scene_id: one.time for scene_id, one in told.items() if one.time}
    known = {
        scene_id: span
        for scene_id, span in spans.items()
        if math.isfinite(span.start_s) and math.isfinite(span.stop_s)
    }
    if pattern is None:
        return known, None
    times = SpanTable.named(ids, pattern, known)
    missing = np.flatnonzero(np.isnan(times.start_s))
    return times, (len(missing), ids[int(missing[0])] if len(missing) else "")


def _numbered(named: tuple[str, Iterable[str]]) -> tuple[str, dict[str, object]]:
    ids = sorted(named[1])
    return named[0], {"scenes": len(ids), "first": ids[:_NAMED]}
