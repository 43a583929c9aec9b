"""Scope: how much of the archive one run takes on, and what it is to do again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sgddiff_batch.core.fact_table import FactTable, written_s
from sgddiff_batch.core.numbers import Numbers
from sgddiff_batch.core.record_columns import RecordColumns
from sgddiff_batch.core.scene import Scene, escape_scene_id
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.store_names import replacement_of, store_path
from sgddiff_batch.core.texts import Texts, joined
from sgddiff_batch.core.words import counted
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.engine.survey import Extent, RunPlan
from sgddiff_batch.io.archive import IgnoredFile
from sgddiff_batch.io.ledger import ObjectLedger, RedoMark, drop_redo, redo_marks
from sgddiff_batch.io.sources import Listing
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger(__name__)

MISSING = "missing"
"""The version of a scene that the archive names and does not have."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run was told to take on. The default is everything that is new or changed.

    ``limit``: at most so many scenes. ``since_s``: only scenes whose file was written since, in seconds since
    1970. ``retry_quarantined``: scenes in quarantine too. ``only``: no scenes but these ids.
    """

    limit: int | None = None
    since_s: float | None = None
    retry_quarantined: bool = False
    only: frozenset[str] | None = None

    def extent(
        self, listing: Listing, records: Mapping[str, SceneRecord], marks: Mapping[str, RedoMark]
    ) -> Extent:
        """Return what the survey needs to know."""
        again = set(marks)
        if self.retry_quarantined:
            columns = RecordColumns.of(records)
            again.update(columns.ids.take(columns.has_reason))
        if self.since_s is None and self.limit is None:
            return Extent(self.only, frozenset(again), None)
        known, only = _written(listing.facts), self.only
        if self.since_s is not None:
            recent = _since(self.since_s, listing, known) | set(marks)
            only = frozenset(recent if only is None else recent & only)
        return Extent(only, frozenset(again), self.limit, known if self.limit is not None else {})


def _written(facts: Mapping[str, Facts]) -> Numbers:
    """Return when each scene's file was written, as far as anything of it is known."""
    if isinstance(facts, FactTable):
        return facts.written_s()
    times = ((scene_id, written_s(said)) for scene_id, said in facts.items())
    return Numbers.of({scene_id: seconds for scene_id, seconds in times if seconds is not None})


def _since(since_s: float, listing: Listing, known: Numbers) -> set[str]:
    """Return what was written since; a scene of which nobody knows when it changed may have changed."""
    missing = Texts.of(missing_scene(file).scene_id for file in listing.missing)
    ids = joined([SceneTable.of(listing.scenes).ids, missing])
    return set(ids.take(~(known.at(ids) < since_s)))


EVERYTHING = Scope()


def replacements(
    scenes: Iterable[Scene], run_key: str, ledger: ObjectLedger, marks: Mapping[str, RedoMark]
) -> dict[str, str]:
    """Return the paths of the mosaics of scenes whose own store was found damaged, see :func:`undamaged`."""
    damaged = {scene_id for scene_id, mark in marks.items() if mark.why == "damaged"}
    chosen = [scene for scene in scenes if scene.scene_id in damaged] if damaged else []
    paths = [store_path(scene.scene_id, scene.version, run_key) for scene in chosen]
    stores = undamaged(paths, ledger, marks)
    return {scene.scene_id: path for scene, path in zip(chosen, stores, strict=True)}


def undamaged(stores: Sequence[str], ledger: ObjectLedger, marks: Mapping[str, RedoMark]) -> list[str]:
    """Return for each store the first of x, x.r1, x.r2... that is not damaged.

    Damaged are those that are disowned, and those of ``marks``; they stay where they are, and current if they
    are, until their replacement is there. The marks stay until their scenes are settled: a kill only means
    that the next run goes on with the same replacement.
    """
    marked = {mark.store for mark in marks.values() if mark.why == "damaged"}
    placed = list(stores)
    unsure: Sequence[int] = range(len(placed))
    while unsure:
        damaged = marked | ledger.disowned([placed[number] for number in unsure])
        unsure = [number for number in unsure if placed[number] in damaged]
        for number in unsure:
            placed[number] = replacement_of(placed[number])
    return placed


def missing_scene(file: IgnoredFile) -> Scene:
    """Return a scene that a list names and that is not there, so that it can be put into quarantine."""
    return Scene(escape_scene_id(file.path), file.path, MISSING, 0)


def read_marks(
    ledger: ObjectLedger, records: Mapping[str, SceneRecord], *, drop_outdated: bool
) -> dict[str, RedoMark]:
    """Return the marks that count, by scene id; the others are taken back if a lease allows it."""
    marks, outdated = redo_marks(ledger.store, records, ledger.on_damage)
    for mark in outdated.values() if drop_outdated else ():
        record = records.get(mark.scene_id)
        _drop(ledger, mark, record.store if record is not None and record.reason is None else None)
    return marks


def settle_mark(ledger: ObjectLedger, marks: Mapping[str, RedoMark], result: SceneResult) -> None:
    """Take back the mark of a scene that was worked on."""
    if result.scene_id in marks and result.state in ("done", "quarantined"):
        _drop(ledger, marks[result.scene_id], result.store if result.state == "done" else None)


def _drop(ledger: ObjectLedger, mark: RedoMark, made: str | None) -> None:
    """Take a mark back; ``made`` is the store that its scene was finished in since, if it was."""
    if mark.why == "damaged" and mark.store is not None and mark.store != made:
        # First: no later run may find it finished, be its scene back from quarantine or a model from earlier.
        by = "its scene went into quarantine" if made is None else f"is replaced by {made}"
        ledger.disown_mosaic(mark.store, f"it was damaged, and {by}")
    drop_redo(ledger.store, mark.scene_id)


def tell_postponed(plan: RunPlan) -> None:
    """Say how many scenes are left for another run, and why."""
    for reason, count in sorted(Counter(plan.postponed.values()).items()):
        log.info("%s new or changed, and left for another run: %s", counted(count, "scene", "are"), reason)
