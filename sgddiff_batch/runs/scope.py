"""Scope: how much of the archive one run takes on, and what it is to do again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.store_names import replacement_of
from sgddiff_batch.core.words import counted
from sgddiff_batch.engine.driver import SceneResult
from sgddiff_batch.engine.survey import Extent, RunPlan
from sgddiff_batch.io.ledger import ObjectLedger, RedoMark, drop_redo, redo_marks
from sgddiff_batch.io.sources import Listing
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs.bench import missing_scene

log = logging.getLogger(__name__)


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
            again |= {record.scene_id for record in records.values() if record.reason is not None}
        times = {scene_id: _written_s(facts) for scene_id, facts in listing.facts.items()}
        known = {scene_id: seconds for scene_id, seconds in times.items() if seconds is not None}
        only = self.only
        if self.since_s is not None:
            # A scene of which nobody knows when it changed may have changed.
            listed = {scene.scene_id for scene in (*listing.scenes, *map(missing_scene, listing.missing))}
            recent = {s for s in listed if known.get(s, self.since_s) >= self.since_s} | set(marks)
            only = frozenset(recent if only is None else recent & only)
        return Extent(only, frozenset(again), self.limit, known if self.limit is not None else {})


EVERYTHING = Scope()


def _written_s(facts: Facts) -> float | None:
    """Return when a scene's file was written; else when its item was changed, or the picture was taken."""
    if facts.modified_s is not None:
        return facts.modified_s
    if facts.updated_s is not None:
        return facts.updated_s
    return facts.time.stop_s if facts.time else None


def with_replacements(plan: RunPlan, ledger: ObjectLedger, marks: Mapping[str, RedoMark]) -> RunPlan:
    """Return the plan with each mosaic in a store that is not damaged, see :func:`undamaged`."""
    stores = undamaged([mosaic.path for mosaic in plan.mosaics], ledger, marks)
    placed = (replace(mosaic, path=store) for mosaic, store in zip(plan.mosaics, stores, strict=True))
    return replace(plan, mosaics=tuple(placed))


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
