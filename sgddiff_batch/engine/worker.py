"""Worker: does the work it is given, on one process's network.

Both engines call :meth:`Worker.run` from several threads: while tiles of some scenes are on the device, the
next scenes are opened and read, and the last ones stored and committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sgddiff_batch.core.planning import SceneMosaic
from sgddiff_batch.core.seams import SeamSteps
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.costs import CostMeter
from sgddiff_batch.engine.memory import SharedMemory
from sgddiff_batch.engine.results import (
    SceneResult,
    computed,
    result_of_mosaic,
    result_of_record,
    result_unopened,
)
from sgddiff_batch.engine.retries import Retries, one_line
from sgddiff_batch.engine.steps import NoActivity, Seconds, Steps, TaskLimits
from sgddiff_batch.engine.work import (
    CommitWork,
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
from sgddiff_batch.errors import (
    ChangedSceneError,
    FatalError,
    LostClaimError,
    RetryableError,
    SceneError,
    StuckError,
)
from sgddiff_batch.lifecycle import MosaicLifecycle
from sgddiff_batch.protocols import (
    Activity,
    CarefulReader,
    Claim,
    Predictor,
    Recorded,
    SceneReader,
    SceneRecord,
)

log = logging.getLogger(__name__)

_MOST_THREADS = 64
_SAYS_ALL = (RetryableError, ChangedSceneError, StuckError)
"""Errors whose words tell an operator enough; of others, the kind is told, too."""


def shares_of(predictors: int, device: str) -> int:
    """Return into how many parts the memory for tasks is cut: some infer, one is read, one is stored.

    A GPU waits for none of them only if several are read at once: a task of a large scene in a bucket takes
    ten requests one after the other (`python -m tests.bench.fleet`).
    """
    return predictors + (2 if device == "cpu" else 5)


def threads_of(predictors: int, batch_tiles: int) -> int:
    """Return how many pieces of work a worker holds at once.

    Small scenes fill the batches of all predictors while as many more are opened or stored; with fewer
    threads batches are not full (`python -m tests.bench.packing`). What they hold of memory is bounded by
    itself.
    """
    return min(_MOST_THREADS, predictors * (2 * batch_tiles + 1) + 2)


class Worker:
    """Does work; :meth:`run` may be called from several threads.

    take_damage: gives what was found damaged in the ledger since it was last called; take_calls: how many
    calls of storage this process made since then, and how many of them changed something.
    """

    def __init__(
        self,
        reader: SceneReader,
        predictor: Predictor,
        lifecycle: MosaicLifecycle[SceneMosaic],
        limits: TaskLimits,
        *,
        retries: Retries | None = None,
        activity: Activity | None = None,
        take_damage: Callable[[], tuple[Any, ...]] = tuple,
        take_calls: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        memory, again = SharedMemory(limits.memory_bytes), retries or Retries()
        self._steps = Steps(reader, predictor, lifecycle, limits, memory, again, activity or NoActivity())
        self._take_damage = take_damage
        self._meter = CostMeter(lambda: again.cost, predictor, take_calls)

    def run(self, work: Work) -> Outcome:
        """Do a piece of work to its end and say what became of it.

        Raises:
            FatalError: where going on would damage data.
        """
        if work.with_care and isinstance(self._steps.reader, CarefulReader):
            self._steps.reader.distrust(work.scene)
        try:
            outcome = self._outcome(work)
        except LostClaimError:
            return TakenOver(work)
        if isinstance(outcome, SceneOutcome | SharedScene):
            return replace(outcome, damage=self._take_damage(), costs=self._meter.take())
        return replace(outcome, costs=self._meter.take()) if isinstance(outcome, TaskOutcome) else outcome

    def _outcome(self, work: Work) -> Outcome:
        if isinstance(work, SceneWork):
            return self._scene(work)
        if isinstance(work, TaskWork):
            return self._task(work)
        return self._commit(work) if isinstance(work, CommitWork) else self._quarantine(work)

    def _scene(self, work: SceneWork) -> Outcome:
        known = _Known()
        try:
            with self._steps.reader.held(work.scene) as reader:
                return self._made(work, reader, known)
        except SceneError as error:
            begun = known.begun
            return self._quarantine(
                QuarantineWork(work.scene, on_one_line(error), work.earlier, begun), work, known
            )
        except (FatalError, LostClaimError):
            raise
        except Exception as error:
            # No memory, a mistake of ours: it says nothing of the scene and stops no other.
            log.debug("%s failed", work.scene_id, exc_info=True)
            return SceneOutcome(work, known.row(work, "failed", words_of(error)))

    def _made(self, work: SceneWork, reader: SceneReader, known: _Known) -> Outcome:
        steps, seconds = self._steps, known.seconds
        mosaic = known.mosaic = steps.open(work.scene, reader, work.path, seconds)
        if (refusal := steps.limits.refusal(steps.limits.tasks(mosaic))) is not None:
            return SceneOutcome(work, known.row(work, "failed", refusal))
        begun = steps.begin(mosaic, seconds, may_have_marks=work.may_have_marks)
        if isinstance(begun, SceneRecord):
            return known.done(work, Recorded(begun))
        mosaic, claim = known.mosaic, known.claim = begun.mosaic, begun.claim
        tasks = steps.limits.tasks(mosaic, begun.blocks.keys())
        if begun.blocks or len(tasks) > 1:
            claim = steps.describe(mosaic, claim)
            return SharedScene(work, mosaic, claim, tuple(tasks), tuple(begun.blocks.values()), seconds)
        computed = steps.compute(tasks[0], reader, seconds, claim, wish=work.wish)
        known.seam = computed.seam
        recorded = steps.commit(mosaic, claim, computed.blocks, seconds, computed.drawn)
        return replace(known.done(work, recorded), preview=computed.preview)

    def _task(self, work: TaskWork) -> TaskOutcome:
        seconds: Seconds = {}
        try:
            with self._steps.reader.held(work.scene) as reader:
                computed = self._steps.compute(work.task, reader, seconds, wish=work.wish)
        except SceneError as error:
            return TaskOutcome(work, "quarantine", on_one_line(error), seconds=seconds)
        except FatalError:
            raise
        except Exception as error:
            log.debug("task %s of %s failed", work.task.name, work.scene_id, exc_info=True)
            return TaskOutcome(work, "failed", one_line(error), seconds=seconds)
        shown = computed.preview
        blocks, seam, rims = computed.blocks, computed.seam, computed.rims
        return TaskOutcome(work, "stored", None, blocks, seconds, seam, shown, rims=rims)

    def _commit(self, work: CommitWork) -> SceneOutcome:
        known, recorded = _Known(work.mosaic), None
        try:
            recorded = self._steps.commit(work.mosaic, work.claim, work.blocks, known.seconds)
            self._steps.forget_blocks(work.mosaic)
        except (FatalError, LostClaimError):
            raise
        except Exception as error:
            log.debug("%s could not be committed", work.scene_id, exc_info=True)
            return SceneOutcome(work, known.row(work, "failed", words_of(error)), recorded)
        return known.done(work, recorded)

    def _quarantine(
        self, work: QuarantineWork, of: SceneWork | None = None, known: _Known | None = None
    ) -> SceneOutcome:
        """Record a quarantine; ``of`` and ``known``: the work on the scene that ended so."""
        known, state, reason = known or _Known(work.begun and work.begun[0]), "quarantined", work.reason
        recorded = None
        try:
            recorded = Recorded(self._steps.quarantine(work))
        except (FatalError, LostClaimError):
            raise
        except Exception as error:
            log.debug("%s could not be put into quarantine", work.scene_id, exc_info=True)
            state, reason = "failed", f"{reason}; and its quarantine could not be recorded: {words_of(error)}"
        return SceneOutcome(of or work, known.row(work, state, reason), recorded)


@dataclass(slots=True)
class _Known:
    """What is known of a scene's mosaic so far, whatever becomes of it."""

    mosaic: SceneMosaic | None = None
    claim: Claim | None = None
    seconds: Seconds = field(default_factory=dict)
    seam: SeamSteps | None = None

    @property
    def begun(self) -> tuple[SceneMosaic, Claim] | None:
        """The mosaic with its claim, once it has one."""
        return None if self.mosaic is None or self.claim is None else (self.mosaic, self.claim)

    def row(self, work: Work, state: str, reason: str) -> SceneResult:
        """Return the row of a scene that is not done."""
        if self.mosaic is None:
            return replace(result_unopened(work.scene, state, reason), seconds=self.seconds)
        row = result_of_mosaic(self.mosaic, state, reason)
        return replace(computed(row, *self._tiles()), seconds=self.seconds)

    def done(self, work: Work, recorded: Recorded) -> SceneOutcome:
        """Return the outcome of a scene whose mosaic is current."""
        row = result_of_record(work.scene, recorded.record, "done")
        row = replace(computed(row, *self._tiles()), seconds=self.seconds, seam=self.seam)
        notes = () if self.mosaic is None else self.mosaic.profile.notes
        if recorded.undrawn is not None:
            notes = (*notes, f"its worker could not draw its objects: {recorded.undrawn}")
        return SceneOutcome(work, replace(row, notes=notes), recorded)

    def _tiles(self) -> tuple[int, int]:
        """Return how many tiles were computed, all, once anything was to be stored, and their px."""
        if self.mosaic is None or "store" not in self.seconds:
            return 0, 0
        lattice, window = self.mosaic.lattice, self.mosaic.grid.window
        return lattice.tile_count(window), lattice.tiles_px(window)


def words_of(error: Exception) -> str:
    """Return what the row of a scene says of an error that is no fault of the scene's."""
    return on_one_line(error) if isinstance(error, _SAYS_ALL) else one_line(error)
