"""A run over an area, as it was planned, and what it leaves: its results, its catalogue, its report."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType

from sgddiff_batch.config import ArchiveJobConfig, AreaConfig
from sgddiff_batch.core.composite_planning import AreaPlan, AreaSettings, Changes
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.query import OWN
from sgddiff_batch.core.words import counted, first_of, on_one_line
from sgddiff_batch.costs import NOTHING, Costs
from sgddiff_batch.engine.work import WorkerSource
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.areas import Membership, cell_bytes
from sgddiff_batch.io.catalogue import PublishContext
from sgddiff_batch.io.ledger import Lease, ObjectLedger, RedoMark, RefusedScene, note_told
from sgddiff_batch.io.reports import build_report, write_report
from sgddiff_batch.io.storage import Store
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import (
    Attempt,
    Ending,
    EngineSettings,
    ending_of,
    judged,
    objects_of,
    told_costs,
    write_page_at_end,
)

log = logging.getLogger(__name__)

_PROCESS_BYTES = 600 * 2**20


@dataclass(frozen=True, slots=True)
class AreaResult:
    """What became of an area mosaic, under the names that reports have for scenes; ``scene_id`` is its id.

    ``state``: done; empty (its scenes have no pixel there); quarantined (newly); still quarantined; gone (it
    has no scene left); failed (the next run tries again); pending (this run ended before it did).
    """

    scene_id: str
    state: str
    reason: str | None = None
    store: str | None = None
    scenes: int = 0
    valid_px: int = 0
    salient_px: int = 0
    tiles: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """The salient share of its pixels with data, None where it has none."""
        return self.salient_px / self.valid_px if self.valid_px else None


@dataclass(frozen=True, slots=True)
class AreaRun:
    """A run over an area that has been planned. ``area_store`` is fenced by the lease, if there is one.

    ``left_out``: the refused scenes of which no run has told yet.
    """

    run_id: str
    config: ArchiveJobConfig
    area: AreaConfig
    settings: AreaSettings
    workers: int
    archive: Store
    area_store: Store
    members: Membership
    left_out: tuple[RefusedScene, ...]
    plans: Mapping[str, AreaPlan]
    records: Mapping[str, SceneRecord]
    changes: Changes
    marks: Mapping[str, RedoMark]
    recipe: WorkerSource
    lease: Lease | None = None

    @property
    def engine(self) -> EngineSettings:
        """Who composes: threads of this process, or on a cluster actors, each with one cell at a time."""
        if self.config.engine.kind == "local":
            return EngineSettings("local", self.workers)
        return EngineSettings("ray", 1, self.workers, worker_bytes=self._worker_bytes(1))

    @property
    def ledger(self) -> ObjectLedger:
        """The ledger of the area."""
        return ObjectLedger(self.area_store)

    @property
    def peak_memory_bytes(self) -> int:
        """What the run takes at most, by its plan."""
        return self.worker_bytes if self.config.engine.kind == "local" else self._at_once * self.worker_bytes

    @property
    def worker_bytes(self) -> int:
        """What a process takes at most, by the plan."""
        return self._worker_bytes(self._at_once if self.config.engine.kind == "local" else 1)

    @property
    def _at_once(self) -> int:
        return min(self.workers, max(1, len(self.changes.touched)))

    def _worker_bytes(self, cells: int) -> int:
        return _PROCESS_BYTES + cells * cell_bytes(self.area.block_px)


def settled_cell(
    plan: AreaPlan, record: SceneRecord, seconds: Mapping[str, float] | None = None
) -> AreaResult:
    """Return the row of an area mosaic that is recorded, as done or in quarantine."""
    state = "quarantined" if record.reason else "done" if record.store else "empty"
    facts = record.store, len(plan.scenes), record.valid_px, record.salient_px
    return AreaResult(plan.area_id, state, record.reason, *facts, seconds=seconds or {})


def rest_of_area(run: AreaRun, attempt: Attempt) -> tuple[AreaRun, list[AreaResult]]:
    """Return what the attempts before this one left of a run, and the results of what they settled.

    Who withdraws a mosaic, of all attempts, does so with the time at which the run began.
    """
    if not attempt.deaths:
        return run, []
    own = {
        area_id: settled_cell(plan, record)
        for area_id, plan in run.plans.items()
        if (record := run.records.get(area_id)) is not None
        and (record.version, record.run_key) == (plan.version, plan.run_key)
        and record.finished_at >= attempt.begun_at
    }
    gone = [
        AreaResult(area_id, "gone")
        for area_id, at in run.ledger.withdrawn().items()
        if at == attempt.begun_at and area_id not in run.plans
    ]
    changes = replace(
        run.changes,
        touched=tuple(plan for plan in run.changes.touched if plan.area_id not in own),
        unchanged=tuple(area_id for area_id in run.changes.unchanged if area_id not in own),
        quarantined=tuple(area_id for area_id in run.changes.quarantined if area_id not in own),
    )
    return replace(run, changes=changes), [*gone, *own.values()]


def left_as_they_are(run: AreaRun) -> list[AreaResult]:
    """Return the results of the area mosaics that nothing is composed of: those gone, and in quarantine."""
    if run.changes.gone:
        log.info("%d area mosaics have no scene left: %s", len(run.changes.gone), first_of(run.changes.gone))
    results = [AreaResult(area_id, "gone") for area_id in run.changes.gone]
    return results + [
        AreaResult(area_id, "still quarantined", run.records[area_id].reason, run.records[area_id].store)
        for area_id in run.changes.quarantined
    ]


def log_result(result: AreaResult) -> None:
    """Log what became of an area mosaic."""
    if result.state in ("quarantined", "failed"):
        log.warning("%s: %s: %s", result.scene_id, result.state, result.reason)
    else:
        log.info("%s: %s, of %s", result.scene_id, result.state, counted(result.scenes, "scene"))


def publish_area(run: AreaRun, told: dict[str, object] | None = None) -> bool:
    """Publish all current mosaics of the area in one flip; log what hinders it.

    told: takes what the report says of objects that could not be drawn.
    """
    objects = objects_of(run.area_store, run.config.objects)
    try:
        ledger = ObjectLedger(run.area_store)
        times = {area_id: plan.period.span for area_id, plan in run.plans.items()}
        generation = catalogue.publish(
            run.area_store,
            ledger.records(),
            ledger.withdrawn().keys(),
            PublishContext(run.run_id, times=times, stac=run.config.catalogue.stac),
            run.config.output.keep_generations,
            objects=objects,
        )
    except Exception as error:
        log.error(
            "the catalogue of %s is still that of before, the next run publishes: %s",
            run.area.name,
            on_one_line(error),
        )
        return False
    if generation is not None:
        log.info(
            "%s: the catalogue is at generation %d: %s",
            run.area.name,
            generation.number,
            counted(generation.rows, "mosaic"),
        )
    if told is not None and objects is not None:
        told.update(objects.report())
    return objects is None or not objects.has_failed


@dataclass(frozen=True, slots=True)
class AreaEnd:
    """What a run over an area left: where its report is, "none" where it could not be written, its totals.

    ``page_uri``: where the report's page is, None where there is none.
    """

    report_uri: str
    seconds: float
    totals: Mapping[str, object]
    page_uri: str | None = None


def write_area_report(
    run: AreaRun,
    results: list[AreaResult],
    attempt: Attempt,
    ending: Ending,
    costs: Costs = NOTHING,
    previews: Mapping[str, Preview] = MappingProxyType({}),
    more: Mapping[str, object] = MappingProxyType({}),
) -> AreaEnd:
    """Write the report of a run; log what hinders it.

    costs: of the workers. previews: for the page, by the path of the mosaic. more: what it says of the run
    besides.
    """
    seconds = attempt.seconds
    report = build_report(
        run.run_id,
        started_at=attempt.begun_at,
        seconds=seconds,
        ending=ending.value,
        config=run.config.model_dump(mode="json"),
        run={
            "area": run.area.name,
            "run_key": run.settings.run_key,
            "mosaics": len(run.plans),
            "unchanged": len(run.changes.unchanged),
            "scenes_left_out": len(run.members.refused),
            "newly_left_out": len(run.left_out),
            "withdrawals_refused": run.changes.refusal,
            "peak_memory_bytes": run.peak_memory_bytes,
            "costs": told_costs(costs, run.worker_bytes),
            **attempt.facts(),
            **more,
        },
        scenes=[asdict(result) for result in results],
        ignored=[{"path": scene.scene_id, "reason": scene.reason} for scene in run.members.refused],
    )
    try:
        uri = write_report(run.area_store, report)
    except (SgddiffBatchError, OSError) as error:
        log.error("the report could not be written: %s", error)
        uri, page = "none", None
    else:
        page = write_page_at_end(run.area_store, uri, report, OWN, previews)
    return AreaEnd(uri, seconds, report["totals"], page)


def judged_area(run: AreaRun, results: Sequence[AreaResult], *, published: bool) -> Ending:
    """Return what :func:`area_ending` will, for the report, which is written first; nothing is noted."""
    if run.changes.refusal:
        return Ending.FAILED
    ending = judged(run.ledger, results, published=published)
    return Ending.QUARANTINED if run.left_out and ending is Ending.DONE else ending


def area_ending(run: AreaRun, results: Sequence[AreaResult], *, published: bool) -> Ending:
    """Return how a run ended, as :func:`sgddiff_batch.runs.ending_of` does.

    One that refused to let mosaics go has failed: somebody must look. Scenes that are left out are told of
    once, as those in quarantine are: by the first run after which nothing else is wrong.
    """
    if run.changes.refusal:
        return Ending.FAILED
    ending = ending_of(run.ledger, results, published=published)
    if ending is Ending.FAILED:
        return ending
    if run.left_out:
        log.warning(
            "%s: %s in no area mosaic, and no run has told so before: %s; the report says why",
            run.area.name,
            counted(len(run.left_out), "scene", "are"),
            first_of(sorted(scene.scene_id for scene in run.left_out)),
        )
    note_told(run.area_store, run.members.refused)
    return Ending.QUARANTINED if run.left_out else ending
