"""Execute: the work of a planned run, from the lease to the report, and what is shown of it meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

from sgddiff_batch.engine.driver import Driver
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.results import SceneResult, result_of_record
from sgddiff_batch.engine.work import (
    Engine,
    Outcome,
    SceneOutcome,
    SceneWork,
    SharedScene,
    Take,
    TaskOutcome,
    WorkerSource,
)
from sgddiff_batch.io.ledger import FileActivity
from sgddiff_batch.runs.attempt import Attempt
from sgddiff_batch.runs.bench import Bench
from sgddiff_batch.runs.conclude import Ending, RunEnd, conclude, ending_of, keep_rate, unchanged_ids
from sgddiff_batch.runs.plan import Run, plan_run
from sgddiff_batch.runs.publish import publish_safely, restore_returned
from sgddiff_batch.runs.recordings import Packed, Recordings
from sgddiff_batch.runs.scope import EVERYTHING, Scope, settle_mark

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """``threads`` pieces of work are done at once by each worker; the others are for Ray alone.

    ``workers`` None is as many as fit; ``worker_bytes`` is what each reserves of its machine's memory.
    """

    kind: Literal["local", "ray"]
    threads: int
    workers: int | None = None
    gpus_per_worker: float = 0.0
    worker_bytes: int = 0


class Progress(Protocol):
    """What counts the work of a run."""

    def tiles(self, count: int) -> None:
        """Count tiles of a task that has ended."""

    def scene(self) -> None:
        """Count a scene that is settled."""


class RunView(Protocol):
    """Shows a run to people."""

    def planned(self, run: Run) -> None:
        """Show what will be done."""

    def progress(self, scenes: int, tiles: int) -> AbstractContextManager[Progress]:
        """Show progress, as long as the context lasts."""

    def ended(self, end: RunEnd) -> None:
        """Show what was done, also of a run that is being broken off."""


def run_all(
    bench: Bench, view: RunView, scope: Scope = EVERYTHING, *, allow_withdrawals: bool = False
) -> Ending:
    """Plan a run and execute it.

    Raises:
        SgddiffBatchError: as :func:`plan_run` and the stores do.
    """
    run = plan_run(bench, scope, allow_withdrawals=allow_withdrawals)
    view.planned(run)
    return execute(run, view)


def execute(run: Run, view: RunView, engine: Engine | None = None) -> Ending:
    """Do the work of a planned run, publish it, write its report, and say how it ended.

    engine: does the work; the config's by default.
    """
    bench, start, recordings = run.bench, time.monotonic(), Recordings()
    results = Packed(
        result_of_record(scene, record, "quarantined" if record.reason else "done")
        for scene, record in run.plan.finished
    )
    restore_returned(bench.ledger, run.withdrawals)
    driver = Driver(run.plan, run.records)
    try:
        with view.progress(run.forecast.scenes, run.forecast.tiles) as progress, _kept_suspects(run):
            for result in driver.run(engine or _engine(bench), partial(_heard, run, progress, recordings)):
                if result.state != "still quarantined":
                    progress.scene()
                _log_result(result)
                settle_mark(bench.ledger, run.marks, result)
                if result.state in ("done", "quarantined"):
                    bench.attempt.settled(result.scene_id, is_done=result.state == "done")
                results.append(result)
    finally:
        results.extend(driver.pending())
        keep_rate(run, results, time.monotonic() - start)
        published = publish_safely(run, results, recordings)
        view.ended(conclude(run, results))
    forget_deaths(run, results)
    return ending_of(bench.ledger, results, published=published, unchanged=unchanged_ids(run))


@contextmanager
def _kept_suspects(run: Run) -> Iterator[None]:
    """Have the next run know, should this one be killed, of which scenes processes died before it."""
    activity = FileActivity(run.bench.output.uri, "run")
    activity.keep(run.plan.suspects)
    yield
    activity.close()


def forget_deaths(run: Run, results: Iterable[SceneResult]) -> None:
    """Drop the marks of reading, which former versions left in the ledger, of scenes that are settled."""
    for result in results:
        if result.scene_id in run.plan.suspects and result.state in ("done", "quarantined"):
            run.bench.ledger.forget_deaths(result.scene_id)


def _engine(bench: Bench) -> Engine:
    wanted = bench.engine.workers
    settings = EngineSettings(
        bench.engine.kind,
        bench.threads,
        wanted if isinstance(wanted, int) else None,
        1.0 if bench.device == "cuda" else 0.0,
        bench.crew.worker_bytes,
    )
    return lambda take: run_works(take, bench.recipe(), settings, bench.attempt)


def _heard(run: Run, progress: Progress, recordings: Recordings, outcome: Outcome) -> None:
    """Count the tiles of what was computed, and note what its worker recorded and what it found damaged."""
    if isinstance(outcome, SceneOutcome) and outcome.recorded is not None:
        recordings.add(outcome.recorded)
    if isinstance(outcome, SceneOutcome | SharedScene):
        for damaged in outcome.damage:
            run.bench.damage(damaged)
    if isinstance(outcome, TaskOutcome) and outcome.state == "stored":
        run.bench.attempt.progressed()
    if isinstance(outcome, TaskOutcome) and outcome.is_inferred:
        progress.tiles(outcome.task.mosaic.lattice.tile_count(outcome.task.window))
    elif isinstance(outcome, SceneOutcome) and isinstance(outcome.work, SceneWork):
        progress.tiles(outcome.result.tiles)


def _log_result(result: SceneResult) -> None:
    if result.state in ("quarantined", "failed"):
        log.warning("%s: %s: %s", result.scene_id, result.state, result.reason)


def run_works(
    take: Take, make_worker: WorkerSource, settings: EngineSettings, attempt: Attempt | None = None
) -> Iterator[Any]:
    """Take work and yield an outcome for each piece, see :data:`sgddiff_batch.engine.work.Engine`.

    attempt: knows of what the processes died whose place this one takes.

    Raises:
        FatalError: where going on would damage data, or the cluster cannot be used.
        ConfigError: as the workers do while they are made.
    """
    if settings.kind == "local":
        yield from run_local((attempt or Attempt()).judged(take), make_worker("local"), settings.threads)
        return
    from sgddiff_batch.engine.ray_cluster import connect_ray
    from sgddiff_batch.engine.ray_pool import run_ray

    with connect_ray():
        yield from run_ray(
            take,
            make_worker,
            workers=settings.workers,
            gpus_per_worker=settings.gpus_per_worker,
            worker_bytes=settings.worker_bytes,
            threads=settings.threads,
        )
