"""The driver's half of a run: make the mosaics ready, hand their tasks to an engine, settle each scene:
committed, put into quarantine, or left for the next run, when all its tasks have ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from sgddiff_batch.core.planning import SceneMosaic, Task, plan_tasks
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.store_names import replacement_of
from sgddiff_batch.engine.progress import MosaicProgress
from sgddiff_batch.engine.retries import Retries, no_retries
from sgddiff_batch.engine.survey import Refusal, RunPlan
from sgddiff_batch.engine.worker import TaskOutcome
from sgddiff_batch.errors import FatalError, RetryableError, SceneError
from sgddiff_batch.protocols import BlockWriter, Ledger, MosaicContents, SceneRecord

log = logging.getLogger(__name__)

_OF_ONE_SCENE = (OSError, RetryableError, SceneError)
"""What can go wrong with one scene's store and must not stop the others."""

Engine = Callable[[Iterable[Task]], Iterator[TaskOutcome]]
"""Runs tasks and yields one outcome for each, in any order."""


@dataclass(frozen=True, slots=True)
class SceneResult:
    """What a run did with a scene: a row of the report.

    ``state``: done; unchanged (finished by an earlier run); quarantined (newly, by this run); still
    quarantined; failed (the next run tries again); pending (this run ended before the scene did).
    ``tiles`` are those that this run computed for it, and ``seconds`` those of its tasks, by stage. ``store``
    is the mosaic that is current now, if there is one, and ``mask_rule`` what made its mask.
    """

    scene_id: str
    uri: str
    state: str
    reason: str | None = None
    store: str | None = None
    height_px: int = 0
    width_px: int = 0
    valid_px: int = 0
    salient_px: int = 0
    tiles: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    mask_rule: str = ""


class Driver:
    """Runs a plan over any engine, writer and ledger."""

    def __init__(
        self,
        writer: BlockWriter,
        ledger: Ledger,
        run_key: str,
        provenance: Callable[[SceneMosaic], Mapping[str, object]],
        task_bytes: int,
        retries: Retries | None = None,
    ) -> None:
        self._writer, self._ledger, self._run_key = writer, ledger, run_key
        self._provenance, self._task_bytes = provenance, task_bytes
        self._retry = (retries or no_retries()).call
        self._records: Mapping[str, SceneRecord] = {}
        self._progress: dict[str, MosaicProgress] = {}
        self._unsettled: dict[str, SceneMosaic] = {}

    def run(
        self,
        plan: RunPlan,
        records: Mapping[str, SceneRecord],
        engine: Engine,
        on_outcome: Callable[[TaskOutcome], None] = lambda outcome: None,
    ) -> Iterator[SceneResult]:
        """Yield one result a scene of the plan, as it is settled.

        Raises:
            FatalError: where going on would damage data; what was settled before stays so.
        """
        self._records = records
        self._unsettled = {mosaic.id: mosaic for mosaic in plan.mosaics}
        yield from self._left_as_they_are(plan)
        yield from (self._refuse(refusal) for refusal in plan.refused)
        settled: list[SceneResult] = []
        for outcome in engine(self._tasks(plan, settled)):
            on_outcome(outcome)
            progress = self._progress[outcome.task.mosaic.path]
            progress.outcomes.append(outcome)
            progress.blocks.update((block.window, block) for block in outcome.blocks)
            progress.waiting -= 1
            if progress.waiting == 0:
                settled.append(self._settle(progress))
            yield from _drain(settled)
        yield from _drain(settled)

    def pending(self) -> list[SceneResult]:
        """Return a result for every scene of the plan that is not settled."""
        unsettled = (self._progress.get(m.path) or MosaicProgress(m) for m in self._unsettled.values())
        return [_result(progress, "pending") for progress in unsettled]

    def _left_as_they_are(self, plan: RunPlan) -> Iterator[SceneResult]:
        for scene, record in plan.unchanged:
            yield _record_result(scene, record, "unchanged")
        for scene, record in plan.still_quarantined:
            yield _record_result(scene, record, "still quarantined")

    def _tasks(self, plan: RunPlan, settled: list[SceneResult]) -> Iterator[Task]:
        for mosaic in plan.mosaics:
            try:
                tasks = self._retry(mosaic.path, partial(self._begin, mosaic, settled))
            except _OF_ONE_SCENE as error:
                settled.append(
                    self._settled(_failure(MosaicProgress(mosaic), f"it could not be begun: {error}"), mosaic)
                )
                continue
            yield from tasks

    def _begin(self, mosaic: SceneMosaic, settled: list[SceneResult]) -> list[Task]:
        mosaic, finished = self._with_sound_path(mosaic)
        if finished is not None and not self._writer.is_complete(mosaic.path):
            # First what the ledger says of it: a kill in between must leave no mark without its store.
            self._ledger.forget_mosaic(mosaic.path)
            self._writer.discard(mosaic.path)
        elif finished is not None:
            result = self._finish(MosaicProgress(mosaic), replace(finished, finished_at=_now()))
            settled.append(self._settled(result, mosaic))
            return []
        progress = self._open(mosaic)
        tasks = plan_tasks(mosaic, self._task_bytes, set(progress.blocks))
        progress.waiting = len(tasks)
        self._progress[mosaic.path] = progress
        if not tasks:
            settled.append(self._settle(progress))
        return tasks

    def _with_sound_path(self, mosaic: SceneMosaic) -> tuple[SceneMosaic, SceneRecord | None]:
        """Return a mosaic in a store where it discards no complete one, and the record of its commit.

        A complete store without a record is what readers see where the ledger lost it. It counts if the marks
        of all its blocks vouch for it; else it stays as it is, and the mosaic is made in another one.
        """
        while (finished := self._ledger.finished_mosaic(mosaic.path)) is None:
            if not self._writer.is_complete(mosaic.path) or self._is_vouched_for(mosaic):
                break
            mosaic = replace(mosaic, path=replacement_of(mosaic.path))
        self._unsettled[mosaic.id] = mosaic
        return mosaic, finished

    def _is_vouched_for(self, mosaic: SceneMosaic) -> bool:
        marked = {block.window for block in self._ledger.finished_blocks(mosaic.path)}
        return marked.issuperset(mosaic.blocks()) and self._writer.is_ready(mosaic, self._provenance(mosaic))

    def _open(self, mosaic: SceneMosaic) -> MosaicProgress:
        """Make a mosaic ready; what a killed run stored in it counts if its layout is the same."""
        provenance = self._provenance(mosaic)
        was_there = self._writer.is_ready(mosaic, provenance)
        if not was_there:
            # First the marks, then the blocks: a kill in between must leave no mark without its block.
            self._ledger.forget_blocks(mosaic.path)
        self._writer.create(mosaic, provenance)
        windows = set(mosaic.blocks())
        stored = (block for block in self._ledger.finished_blocks(mosaic.path) if block.window in windows)
        return MosaicProgress(mosaic, blocks={block.window: block for block in stored})

    def _settle(self, progress: MosaicProgress) -> SceneResult:
        try:
            result = self._retry(progress.mosaic.path, partial(self._conclude, progress))
        except _OF_ONE_SCENE as error:
            result = _failure(progress, f"it could not be finished: {error}")
        return self._settled(result, progress.mosaic)

    def _settled(self, result: SceneResult, mosaic: SceneMosaic) -> SceneResult:
        self._progress.pop(mosaic.path, None)
        del self._unsettled[mosaic.id]
        return result

    def _conclude(self, progress: MosaicProgress) -> SceneResult:
        mosaic, reason = progress.mosaic, progress.reason("quarantine")
        if reason is not None:
            self._begin_anew(mosaic)
            self._quarantine(mosaic.scene, reason, gone=mosaic.path)
            return _result(progress, "quarantined", reason)
        reason = progress.reason("failed") or progress.reason("skipped")
        if reason is not None:
            return _failure(progress, reason)
        return self._commit(progress)

    def _begin_anew(self, mosaic: SceneMosaic) -> None:
        self._ledger.forget_blocks(mosaic.path)
        self._writer.discard(mosaic.path)

    def _commit(self, progress: MosaicProgress) -> SceneResult:
        mosaic, start = progress.mosaic, time.perf_counter()
        missing = set(mosaic.blocks()) - set(progress.blocks)
        if missing:
            raise FatalError(f"{mosaic.path}: all tasks ended, but {len(missing)} blocks were never stored")
        try:
            root_digest = self._writer.commit(mosaic)
        except SceneError:
            # What was stored is damaged: the next run begins this mosaic anew.
            self._begin_anew(mosaic)
            raise
        blocks = tuple(progress.blocks[window] for window in mosaic.blocks())
        record = SceneRecord(
            mosaic.id,
            mosaic.version,
            self._run_key,
            mosaic.path,
            valid_px=sum(block.valid_px for block in blocks),
            salient_px=sum(block.salient_px for block in blocks),
            height_px=mosaic.grid.height_px,
            width_px=mosaic.grid.width_px,
            finished_at=_now(),
            mask_rule=mosaic.profile.mask.rule,
        )
        progress.commit_s = time.perf_counter() - start
        return self._finish(progress, record, MosaicContents(root_digest, blocks))

    def _finish(
        self, progress: MosaicProgress, record: SceneRecord, contents: MosaicContents | None = None
    ) -> SceneResult:
        self._ledger.finish(record, contents)
        return replace(
            _record_result(progress.mosaic.scene, record, "done"),
            tiles=progress.tiles(),
            seconds=progress.seconds(),
            notes=progress.mosaic.profile.notes,
        )

    def _refuse(self, refusal: Refusal) -> SceneResult:
        scene = refusal.scene
        if refusal.retry:
            return SceneResult(scene.scene_id, scene.uri, "failed", refusal.reason)
        try:
            self._retry(scene.scene_id, partial(self._quarantine, scene, refusal.reason))
        except _OF_ONE_SCENE as error:
            reason = f"{refusal.reason}; and its quarantine could not be recorded: {error}"
            return SceneResult(scene.scene_id, scene.uri, "failed", reason)
        return SceneResult(scene.scene_id, scene.uri, "quarantined", refusal.reason)

    def _quarantine(self, scene: Scene, reason: str, gone: str | None = None) -> None:
        """Record the reason; a mosaic of an earlier version stays the current one, if it is not ``gone``."""
        earlier = self._records.get(scene.scene_id)
        if earlier is None or earlier.store == gone:
            earlier = SceneRecord(scene.scene_id, "", "", None)
        self._ledger.finish(
            replace(earlier, version=scene.version, run_key=self._run_key, reason=reason, finished_at=_now())
        )


def _failure(progress: MosaicProgress, reason: str) -> SceneResult:
    return _result(progress, "failed", " ".join(reason.split()))


def _drain(settled: list[SceneResult]) -> Iterator[SceneResult]:
    while settled:
        yield settled.pop(0)


def _result(progress: MosaicProgress, state: str, reason: str | None = None) -> SceneResult:
    mosaic = progress.mosaic
    return SceneResult(
        mosaic.id,
        mosaic.scene.uri,
        state,
        reason,
        height_px=mosaic.grid.height_px,
        width_px=mosaic.grid.width_px,
        tiles=progress.tiles(),
        seconds=progress.seconds(),
        notes=mosaic.profile.notes,
    )


def _record_result(scene: Scene, record: SceneRecord, state: str) -> SceneResult:
    return SceneResult(
        scene.scene_id,
        scene.uri,
        state,
        record.reason,
        record.store,
        record.height_px,
        record.width_px,
        record.valid_px,
        record.salient_px,
        mask_rule=record.mask_rule,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
