"""Execute: the work of a planned run, from the lease to the report, and what is shown of it meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from sgddiff_batch.core.planning import SceneMosaic, Task
from sgddiff_batch.core.provenance import scene_provenance
from sgddiff_batch.engine.driver import Driver, SceneResult
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.worker import TaskOutcome
from sgddiff_batch.io.mosaics import ZarrBlockWriter
from sgddiff_batch.io.reports import versions
from sgddiff_batch.runs.bench import Bench
from sgddiff_batch.runs.conclude import Ending, RunEnd, conclude, ending_of, keep_rate, unchanged_ids
from sgddiff_batch.runs.plan import Run, plan_run
from sgddiff_batch.runs.publish import publish_safely, restore_returned
from sgddiff_batch.runs.scope import EVERYTHING, Scope, settle_mark

log = logging.getLogger(__name__)


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


Engine = Callable[[Iterable[Task]], Iterator[TaskOutcome]]


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

    engine: runs the tasks; the config's by default.
    """
    bench, started, start = run.bench, datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    results: list[SceneResult] = []
    restore_returned(bench.ledger, run.withdrawals)
    driver = Driver(
        ZarrBlockWriter(bench.output),
        bench.ledger,
        bench.run_key,
        partial(provenance, bench),
        bench.crew.task_bytes,
        Retries(),
    )
    planned = {mosaic.id for mosaic in run.plan.mosaics}
    work = engine or _engine(bench)
    try:
        with view.progress(run.forecast.scenes, run.forecast.tiles) as progress:
            for result in driver.run(run.plan, run.records, work, partial(_count, progress)):
                if result.scene_id in planned:
                    progress.scene()
                _log_result(result)
                settle_mark(bench.ledger, run.marks, result)
                if result.state != "unchanged":
                    results.append(result)
    finally:
        results += driver.pending()
        keep_rate(run, results, time.monotonic() - start)
        published = publish_safely(run, results)
        view.ended(conclude(run, results, started, time.monotonic() - start))
    return ending_of(bench.ledger, results, published=published, unchanged=unchanged_ids(run))


def provenance(bench: Bench, mosaic: SceneMosaic) -> dict[str, object]:
    """Return what a mosaic says about where it comes from."""
    return scene_provenance(
        mosaic.scene,
        mosaic.profile,
        bench.pixel_settings,
        run_key=bench.run_key,
        run_id=bench.run_id,
        software=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    ).to_json()


def _engine(bench: Bench) -> Engine:
    recipe = bench.recipe()
    if bench.works_here:
        return lambda tasks: run_local(tasks, recipe(), bench.predictors)
    from sgddiff_batch.engine.ray_cluster import connect_ray
    from sgddiff_batch.engine.ray_data import run_ray

    def run_on_ray(tasks: Iterable[Task]) -> Iterator[TaskOutcome]:
        wanted = bench.engine.workers
        with connect_ray():
            yield from run_ray(
                tasks,
                recipe,
                workers=wanted if isinstance(wanted, int) else None,
                gpus_per_worker=1.0 if bench.device == "cuda" else 0.0,
                worker_bytes=bench.crew.worker_bytes,
            )

    return run_on_ray


def _count(progress: Progress, outcome: TaskOutcome) -> None:
    progress.tiles(outcome.task.mosaic.lattice.tile_count(outcome.task.window))


def _log_result(result: SceneResult) -> None:
    if result.state in ("quarantined", "failed"):
        log.warning("%s: %s: %s", result.scene_id, result.state, result.reason)
