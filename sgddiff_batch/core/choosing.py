"""Choosing: what several sources say of an archive becomes one list of scenes, by rules that are stated.

Three steps, each of which tells what it leaves out and why: :func:`reconcile` (one scene, once),
:func:`choose` (filters) and :func:`keep_newest` (superseded versions). None of them holds more of a
:class:`CandidateTable` than some of its columns.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from sgddiff_batch.core.candidate_table import CandidateTable, taken
from sgddiff_batch.core.periods import span_in_name
from sgddiff_batch.core.selection import Candidate, Duplicates, Filters, merge_facts


@dataclass(frozen=True, slots=True)
class Choice:
    """What a step keeps, and what it leaves out with the reasons, by scene id."""

    kept: Sequence[Candidate]
    left_out: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


def reconcile(found: Iterable[Candidate]) -> tuple[Sequence[Candidate], Mapping[str, str]]:
    """Return every object once, and the scenes that cannot be kept, by URI, with the reasons.

    Candidates of one URI are one scene: it has the id and version that the source of the lowest number gives
    it, and the facts of all. Two objects of one id: that of the lowest source, then of the lowest URI, is
    kept. The order of ``found`` does not matter.
    """
    if isinstance(found, CandidateTable):
        return found, {}  # of one source, in whose listing nothing is twice
    objects: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in found:
        objects[candidate.scene.uri].append(candidate)
    by_id: dict[str, Candidate] = {}
    clashing: dict[str, str] = {}
    for candidate in sorted(
        map(_joined, objects.values()), key=lambda one: (min(one.sources), one.scene.uri)
    ):
        first = by_id.setdefault(candidate.scene.scene_id, candidate)
        if first is not candidate:
            clashing[candidate.scene.uri] = f"another object has the same id: {first.scene.uri}"
    return tuple(by_id[scene_id] for scene_id in sorted(by_id)), clashing


def _joined(same: Sequence[Candidate]) -> Candidate:
    if len(same) == 1:
        return same[0]
    first = min(same, key=lambda c: (min(c.sources), c.scene.scene_id, c.scene.version, repr(c)))
    sources = frozenset[int]().union(*(candidate.sources for candidate in same))
    return replace(first, facts=merge_facts(candidate.facts for candidate in same), sources=sources)


def dated(candidates: Sequence[Candidate], pattern: re.Pattern[str]) -> Sequence[Candidate]:
    """Return candidates with the times that a pattern finds in the ids of those that have none."""
    return tuple(map(partial(_dated, pattern=pattern), candidates))


def _dated(candidate: Candidate, pattern: re.Pattern[str]) -> Candidate:
    facts = candidate.facts
    span = None if facts.time else span_in_name(candidate.scene.scene_id, pattern)
    return candidate if span is None else replace(candidate, facts=replace(facts, time=span))


def choose(candidates: Sequence[Candidate], filters: Filters) -> Choice:
    """Return the candidates that the filters want.

    One of which something is not known that they ask for is not wanted, and told of as ``unknown``, unless
    what is known already rules it out.
    """
    if filters == Filters():
        return Choice(candidates)
    kept = np.zeros(len(candidates), np.bool_)
    left_out: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for row, candidate in enumerate(candidates):
        scene, facts = candidate.scene, candidate.facts
        if reason := filters.unwanted_file(candidate.name, scene.size_bytes) or filters.unwanted(facts):
            left_out[scene.scene_id] = reason
        elif reason := filters.unknown(facts):
            unknown[scene.scene_id] = reason
        else:
            kept[row] = True
    return Choice(taken(candidates, kept), left_out, unknown)


def keep_newest(
    candidates: Sequence[Candidate], duplicates: Duplicates | None
) -> tuple[Sequence[Candidate], Mapping[str, str]]:
    """Return the newest version of every scene, and the ids of the others with that which supersedes them."""
    if duplicates is None:
        return candidates, {}
    versions: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row, candidate in enumerate(candidates):
        key = duplicates.key_of(candidate.name)
        if key is not None:
            versions[key].append(row)
    kept = np.ones(len(candidates), np.bool_)
    superseded: dict[str, str] = {}
    for rows in versions.values():
        if len(rows) > 1:
            group = [candidates[row] for row in rows]
            newest = max(group, key=duplicates.rank)
            for row, candidate in zip(rows, group, strict=True):
                if candidate is not newest:
                    kept[row] = False
                    superseded[candidate.scene.scene_id] = newest.scene.scene_id
    return taken(candidates, kept), superseded


def only_in(candidates: Iterable[Candidate], sources: int) -> tuple[tuple[str, ...], ...]:
    """Return, for each of that many sources, the ids of the scenes that no other source names."""
    alone: list[list[str]] = [[] for _ in range(sources)]
    for candidate in candidates if sources > 1 else ():
        if len(candidate.sources) == 1:
            alone[min(candidate.sources)].append(candidate.scene.scene_id)
    return tuple(tuple(sorted(ids)) for ids in alone)
