"""The driver's half of a run: it hands out scenes, and what workers give back of those that are too large for
one of them, and collects what became of each. It opens nothing, and writes nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sgddiff_batch.core.gallery import Gallery
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.progress import MosaicProgress
from sgddiff_batch.engine.results import (
    SceneResult,
    computed,
    result_of_mosaic,
    result_of_record,
    result_unopened,
)
from sgddiff_batch.engine.survey import RunPlan
from sgddiff_batch.engine.work import (
    CommitWork,
    Engine,
    Lost,
    Outcome,
    QuarantineWork,
    SceneOutcome,
    SceneWork,
    SharedScene,
    TakenOver,
    TaskOutcome,
    TaskWork,
    Work,
)
from sgddiff_batch.errors import FatalError
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger(__name__)

_AFTER_CODES = ("store", "objects", "commit")
"""The stages of a scene after its codes are there, by whose seconds previews are wished for."""

_MOST_TAKEN_OVER = 3
TAKEN_OVER = "other workers took it over again and again"


@dataclass(slots=True)
class _InHand:
    """A scene that was handed out and is not settled."""

    scene: Scene
    progress: MosaicProgress | None = None
    taken_over: int = 0


class Driver:
    """Runs a plan over any engine. ``records`` are those of the ledger, by scene id.

    gallery: what keeps previews of the scenes that are to be shown; None: nobody wants to see any.
    """

    def __init__(
        self, plan: RunPlan, records: Mapping[str, SceneRecord], gallery: Gallery | None = None
    ) -> None:
        self._plan, self._records, self._gallery = plan, records, gallery
        self._in_hand: dict[str, _InHand] = {}
        self._first: deque[Work] = deque()
        self._tasks: deque[TaskWork] = deque()
        self._next_missing, self._next_scene = 0, 0
        self._results: list[SceneResult] = []

    def run(
        self, engine: Engine, on_outcome: Callable[[Outcome], None] = lambda outcome: None
    ) -> Iterator[SceneResult]:
        """Yield one result a scene of the plan that is not unchanged, as it is settled.

        Raises:
            FatalError: where going on would damage data; what was settled before stays so.
        """
        for scene, record in self._plan.still_quarantined:
            yield result_of_record(scene, record, "still quarantined")
        for outcome in engine(self.take):
            on_outcome(outcome)
            self._accept(outcome)
            yield from self._drain()
        yield from self._drain()

    def pending(self) -> Iterator[SceneResult]:
        """Yield a result for every scene of the plan that is not settled."""
        plan = self._plan
        for one in self._in_hand.values():
            yield (
                result_unopened(one.scene, "pending")
                if one.progress is None
                else _row(one.progress, "pending")
            )
        for scene, _ in plan.missing[self._next_missing :]:
            yield result_unopened(scene, "pending")
        for number in range(self._next_scene, len(plan.todo)):
            yield result_unopened(plan.todo[number], "pending")

    def take(self) -> Work | None:
        """Return the next piece of work: what ends a scene first, then tasks of those that are begun."""
        while self._first or self._tasks:
            if self._first:
                return self._first.popleft()
            work = self._tasks.popleft()
            progress = self._progress_of(work)
            if progress is None:
                continue
            if not progress.is_spoiled:
                return work
            progress.skip(work.task)
            self._end_tasks(progress)
        if self._next_missing < len(self._plan.missing):
            scene, reason = self._plan.missing[self._next_missing]
            self._next_missing += 1
            self._in_hand[scene.scene_id] = _InHand(scene)
            return QuarantineWork(scene, reason, self._records.get(scene.scene_id))
        if self._next_scene < len(self._plan.todo):
            scene = self._plan.todo[self._next_scene]
            self._next_scene += 1
            self._in_hand[scene.scene_id] = _InHand(scene)
            return self._wished(scene_work(self._plan, scene, self._records))
        return None

    def _wished(self, work: SceneWork) -> SceneWork:
        if self._gallery is None:
            return work
        return replace(work, wish=self._gallery.wish(len(self._plan.todo) - self._next_scene))

    def _accept(self, outcome: Outcome) -> None:
        if outcome.work.scene_id not in self._in_hand:
            return  # settled since: it was given out twice, and this is the second answer
        if isinstance(outcome, SceneOutcome):
            self._settle(outcome.result, outcome.preview)
        elif isinstance(outcome, SharedScene):
            self._share(outcome)
        elif isinstance(outcome, TaskOutcome):
            self._end_task(outcome)
        elif isinstance(outcome, TakenOver):
            self._take_again(outcome.work)
        else:
            self._lose(outcome)

    def _settle(self, result: SceneResult, preview: Preview | None = None) -> None:
        progress = self._in_hand.pop(result.scene_id).progress
        if progress is not None:
            seconds = {**progress.seconds(), **result.seconds}
            notes = result.notes or progress.mosaic.profile.notes
            seam = progress.seam() if result.state == "done" else None
            result = replace(computed(result, *progress.tiles()), seconds=seconds, notes=notes, seam=seam)
            preview = progress.preview
        if self._gallery is not None and preview is not None:
            self._show(result, preview, self._gallery)
        self._results.append(result)

    @staticmethod
    def _show(result: SceneResult, preview: Preview, gallery: Gallery) -> None:
        if result.state == "done" and result.store is not None:
            share = result.salient_px / result.valid_px if result.valid_px else None
            before = (s for stage, s in result.seconds.items() if stage not in _AFTER_CODES)
            gallery.add(result.store, preview, share, sum(before))

    def _progress_of(self, work: Work) -> MosaicProgress | None:
        """Return the mosaic that a task is waited for by; None if it is settled, or was begun anew since."""
        one = self._in_hand.get(work.scene_id)
        progress = None if one is None else one.progress
        is_its = progress is not None and isinstance(work, TaskWork) and progress.waits_for(work.task)
        return progress if is_its else None

    def _share(self, outcome: SharedScene) -> None:
        if self._in_hand[outcome.mosaic.id].progress is not None:
            return  # it was opened twice
        progress = MosaicProgress(
            outcome.mosaic,
            outcome.claim,
            {task.name for task in outcome.tasks},
            {block.window: block for block in outcome.blocks},
            opening=outcome.seconds,
        )
        self._in_hand[outcome.mosaic.id].progress = progress
        care, wish = outcome.work.with_care, outcome.work.wish
        if wish is not None and outcome.tasks:
            wish = replace(wish, slow_s=wish.slow_s / len(outcome.tasks))
        self._tasks.extend(TaskWork(task, care, wish) for task in outcome.tasks)
        self._end_tasks(progress)

    def _end_task(self, outcome: TaskOutcome) -> None:
        progress = self._progress_of(outcome.work)
        if progress is not None:
            progress.end(outcome)
            self._end_tasks(progress)

    def _end_tasks(self, progress: MosaicProgress) -> None:
        """Once the last task of a scene has ended, have the scene settled, by one piece of work."""
        if progress.waiting:
            return
        mosaic, claim = progress.mosaic, progress.claim
        if (reason := progress.reason("quarantine")) is not None:
            earlier = self._records.get(mosaic.id)
            self._first.append(QuarantineWork(mosaic.scene, reason, earlier, (mosaic, claim)))
        elif (reason := progress.reason("failed")) is not None:
            self._settle(_row(progress, "failed", reason))
        else:
            missing = set(mosaic.blocks()) - set(progress.blocks)
            if missing:
                raise FatalError(
                    f"{mosaic.path}: all tasks ended, but {len(missing)} blocks were never stored"
                )
            blocks = tuple(progress.blocks[window] for window in mosaic.blocks())
            self._first.append(CommitWork(mosaic, claim, blocks))

    def _take_again(self, work: Work) -> None:
        """Hand a scene out again of which another worker has the mosaic: that one may be cut off from us."""
        one = self._in_hand[work.scene_id]
        one.taken_over += 1
        one.progress = None
        if one.taken_over < _MOST_TAKEN_OVER:
            self._first.append(scene_work(self._plan, one.scene, self._records))
        else:
            self._settle(result_unopened(one.scene, "failed", TAKEN_OVER))

    def _lose(self, outcome: Lost) -> None:
        work, earlier = outcome.work, self._records.get(outcome.work.scene_id)
        scene = self._in_hand[work.scene_id].scene
        if isinstance(work, TaskWork):
            self._end_task(TaskOutcome(work, "quarantine" if outcome.is_own else "failed", outcome.reason))
        elif isinstance(work, SceneWork) and outcome.is_own:
            self._first.append(QuarantineWork(work.scene, outcome.reason, earlier, left_at=work.path))
        else:
            self._settle(result_unopened(scene, "failed", outcome.reason))

    def _drain(self) -> Iterator[SceneResult]:
        results, self._results = self._results, []
        yield from results


def scene_work(plan: RunPlan, scene: Scene, records: Mapping[str, SceneRecord]) -> SceneWork:
    """Return the work on a scene of a plan; ``records`` are those of the ledger, by scene id."""
    scene_id = scene.scene_id
    is_suspect = scene_id in plan.suspects
    return SceneWork(scene, plan.path_of(scene), records.get(scene_id), scene_id in plan.marked, is_suspect)


def _row(progress: MosaicProgress, state: str, reason: str | None = None) -> SceneResult:
    row = result_of_mosaic(progress.mosaic, state, reason)
    return replace(computed(row, *progress.tiles()), seconds=progress.seconds())
