"""Execute: the work of a planned run, from the lease to the report, and what is shown of it meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Protocol

from sgddiff_batch.core.gallery import Gallery, typical_share
from sgddiff_batch.core.progress import Tally
from sgddiff_batch.costs import CostSum
from sgddiff_batch.engine.driver import Driver
from sgddiff_batch.engine.results import SceneResult, result_of_record
from sgddiff_batch.engine.work import (
    Engine,
    Outcome,
    SceneOutcome,
    SceneWork,
    SharedScene,
    TaskOutcome,
    WorkerSource,
)
from sgddiff_batch.io.catalogue import Recordings
from sgddiff_batch.io.ledger import FileActivity, Lease
from sgddiff_batch.io.reports import Packed
from sgddiff_batch.runs.bench import Bench
from sgddiff_batch.runs.conclude import (
    Ending,
    RunEnd,
    conclude,
    ending_by,
    ending_of,
    judged,
    keep_rate,
    unchanged_ids,
)
from sgddiff_batch.runs.engines import EngineSettings, started_engine
from sgddiff_batch.runs.plan import Run, plan_run
from sgddiff_batch.runs.publish import Publisher, published_meanwhile, restore_returned
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


def run_all(
    bench: Bench, view: RunView, scope: Scope = EVERYTHING, *, allow_withdrawals: bool = False
) -> Ending:
    """Plan a run and execute it.

    Raises:
        SgddiffBatchError: as :func:`plan_run` and the stores do.
    """
    with started_engine(partial(_workers_of, bench), bench.attempt, kind=bench.engine.kind) as engine:
        run = plan_run(bench, scope, allow_withdrawals=allow_withdrawals)
        view.planned(run)
        return execute(run, view, engine)


def execute(run: Run, view: RunView, engine: Engine, *, over: threading.Event | None = None) -> Ending:
    """Do the work of a planned run by an engine, publish it, write its report, and say how it ended.

    Meanwhile its heartbeats tell how far it is, and what is done is published every so often.

    over: see :func:`published_meanwhile`.
    """
    bench, start, recordings = run.bench, time.monotonic(), Recordings()
    results = Packed(
        result_of_record(scene, record, "quarantined" if record.reason else "done")
        for scene, record in run.plan.finished
    )
    restore_returned(bench.ledger, run.withdrawals)
    gallery, costs = _gallery_of(run), CostSum()
    driver, publisher = Driver(run.plan, run.records, gallery), Publisher(run, results, recordings)
    broken: Ending | None = None
    try:
        with (
            view.progress(run.forecast.scenes, run.forecast.tiles) as progress,
            _kept_suspects(run),
            published_meanwhile(publisher, bench.publish_s, over),
        ):
            tally = told_tally(bench.lease, len(run.plan.todo) + len(run.plan.missing))
            for result in driver.run(engine, partial(_heard, run, progress, recordings, costs)):
                if result.state != "still quarantined":
                    progress.scene()
                    tally.count(result.state)
                _log_result(result)
                settle_mark(bench.ledger, run.marks, result)
                if result.state in ("done", "quarantined"):
                    bench.attempt.settled(result.scene_id, is_done=result.state == "done")
                results.append(result)
    except BaseException as error:
        broken = ending_by(error)
        raise
    finally:
        results.extend(driver.pending())
        keep_rate(run, results, time.monotonic() - start)
        published = publisher.publish_safely()
        ending = broken or judged(bench.ledger, results, published=published)
        shown = gallery.previews if gallery else {}
        objects = publisher.objects_report()
        view.ended(conclude(run, results, ending, shown, costs.total, objects))
    forget_deaths(run, results)
    return ending_of(bench.ledger, results, published=published, unchanged=unchanged_ids(run))


def _gallery_of(run: Run) -> Gallery | None:
    """Return what keeps previews for the run's page, None where there is to be none."""
    wanted, columns = run.bench.report, run.plan.unchanged.columns
    if not wanted.html or not wanted.pictures:
        return None
    return Gallery(wanted.pictures, typical_share(columns.valid_px, columns.salient_px))


def told_tally(lease: Lease | None, planned: int) -> Tally:
    """Return what counts so many scenes, or cells, and is told by the heartbeats of a lease."""
    tally = Tally(planned, time.monotonic)
    if lease is not None:
        lease.tell(tally.progress)
    return tally


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


def _workers_of(bench: Bench) -> tuple[WorkerSource, EngineSettings]:
    """Return what makes the workers of a run, and how they are engaged."""
    wanted = bench.engine.workers
    settings = EngineSettings(
        bench.engine.kind,
        bench.threads,
        wanted if isinstance(wanted, int) else None,
        1.0 if bench.device == "cuda" else 0.0,
        bench.crew.worker_bytes,
    )
    return bench.recipe(), settings


def _heard(run: Run, progress: Progress, recordings: Recordings, costs: CostSum, outcome: Outcome) -> None:
    """Count the tiles of what was computed, and note what its worker recorded and what it found damaged."""
    if isinstance(outcome, SceneOutcome | SharedScene | TaskOutcome):
        costs.add(outcome.costs)
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
