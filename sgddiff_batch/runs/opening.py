"""Opening: what scenes take, by opening them and no more: a few for a plan, or all of them on the workers."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import SceneMosaic
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import counted, on_one_line
from sgddiff_batch.engine.driver import scene_work
from sgddiff_batch.engine.results import SceneResult, result_of_mosaic, result_unopened
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.survey import RunPlan
from sgddiff_batch.engine.work import Lost, SceneWork
from sgddiff_batch.engine.worker import words_of
from sgddiff_batch.errors import FatalError, SceneError
from sgddiff_batch.io.ledger import DamageBook
from sgddiff_batch.lifecycle import MosaicLifecycle
from sgddiff_batch.protocols import CarefulReader, Left, SceneReader, SceneRecord
from sgddiff_batch.runs.bench import Bench, WorkerRecipe
from sgddiff_batch.runs.engines import EngineSettings, run_works
from sgddiff_batch.runs.forecast import Needs, needs_of

log = logging.getLogger(__name__)

_TELL_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Opener:
    """A worker that opens scenes, and neither computes nor changes anything; safe in several threads.

    lifecycle: says what is stored of a scene already and takes nothing; None looks for nothing.
    """

    reader: SceneReader
    limits: TaskLimits
    retries: Retries
    lifecycle: MosaicLifecycle[SceneMosaic] | None = None

    def run(self, work: SceneWork) -> Needs | SceneResult:
        """Return what a scene takes, or the row that it has in the report if it cannot be worked on.

        Raises:
            FatalError: as opening does where going on would damage data.
        """
        if work.with_care and isinstance(self.reader, CarefulReader):
            self.reader.distrust(work.scene)
        try:
            mosaic = self._opened(work)
            if (refusal := self.limits.refusal(self.limits.tasks(mosaic))) is not None:
                return result_of_mosaic(mosaic, "failed", refusal)
            return needs_of(work.scene.size_bytes, self.limits.tasks(mosaic, self._stored(mosaic)))
        except SceneError as error:
            return result_unopened(work.scene, "quarantined", on_one_line(error))
        except FatalError:
            raise
        except Exception as error:
            log.debug("%s could not be opened for the plan", work.scene_id, exc_info=True)
            return result_unopened(work.scene, "failed", words_of(error))

    def _opened(self, work: SceneWork) -> SceneMosaic:
        scene = work.scene
        with self.reader.held(scene) as held:
            profile = self.retries.call_in_time(scene.scene_id, "opening it", lambda: held.profile(scene))
        return SceneMosaic.at(work.path, scene, profile, self.limits.tiling)

    def _stored(self, mosaic: SceneMosaic) -> frozenset[Window]:
        if self.lifecycle is None:
            return frozenset()
        look = self.lifecycle.stored_before
        return self.retries.call(mosaic.path, lambda: look(mosaic))


@dataclass(frozen=True, slots=True)
class OpenerRecipe:
    """Makes openers in whatever process it is called; of the network nothing is loaded."""

    recipe: WorkerRecipe

    def __call__(self, label: str) -> Opener:
        """Open the stores, for reading alone."""
        recipe = replace(self.recipe, fence=ReadOnly())
        reader, _ = recipe.reader(label)
        return Opener(reader, recipe.limits, Retries(), recipe.lifecycle(DamageBook()))

    def take_left(self, label: str) -> Left:
        """Return what the process was opening that this one takes the place of."""
        return self.recipe.take_left(label)


class ReadOnly:
    """A fence that lets nothing be changed."""

    def check(self) -> None:
        """Refuse.

        Raises:
            FatalError: always.
        """
        raise FatalError("a plan would have changed the output: that is a mistake of this software")


def open_all(
    bench: Bench, plan: RunPlan, records: Mapping[str, SceneRecord]
) -> tuple[Needs, tuple[SceneResult, ...]]:
    """Open all scenes of a plan on the workers of the config; return what they take, and those refused.

    No worker takes a GPU. The rows are in the order of the scenes' ids.

    Raises:
        FatalError, ConfigError: as the engine does.
    """
    needs, refused = Needs(), list[SceneResult]()
    for outcome in _outcomes(bench, plan, records) if len(plan.todo) else ():
        if isinstance(outcome, Needs):
            needs = needs.plus(outcome)
        else:
            refused.append(outcome)
    return needs, tuple(sorted(refused, key=lambda row: row.scene_id))


def _outcomes(
    bench: Bench, plan: RunPlan, records: Mapping[str, SceneRecord]
) -> Iterator[Needs | SceneResult]:
    works = (scene_work(plan, scene, records) for scene in plan.todo)
    wanted = bench.engine.workers
    settings = EngineSettings(
        bench.engine.kind,
        bench.threads,
        wanted if isinstance(wanted, int) else None,
        worker_bytes=budget.worker_bytes(0, 0),
    )
    told_s = time.monotonic()
    outcomes = run_works(lambda: next(works, None), OpenerRecipe(bench.recipe()), settings, bench.attempt)
    for count, outcome in enumerate(outcomes, 1):
        if time.monotonic() - told_s > _TELL_EVERY_S:
            told_s = time.monotonic()
            log.info("%d of %s opened", count, counted(len(plan.todo), "scene"))
        yield _row_of(outcome) if isinstance(outcome, Lost) else outcome


def _row_of(lost: Lost) -> SceneResult:
    """Return the row of a scene that ends processes, or hangs, when it is opened."""
    assert isinstance(lost.work, SceneWork), "nothing else is handed out"
    return result_unopened(lost.work.scene, "quarantined" if lost.is_own else "failed", lost.reason)
