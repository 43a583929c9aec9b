"""The main job: an archive of scenes in, saliency mosaics out.

    python jobs/infer_archive.py --config archive.yaml [--set key=value ...] [--dry-run]

Exit codes: 0 all done; 3 done, but scenes were put into quarantine since a run last told so; 4 another run is
at work on the same output, and nothing was done; 2 the config or the command is wrong; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from jobs import assembly, concluding, plan_table, publishing, scope
from jobs.commands import under_ray_job
from jobs.concluding import EXIT_CONFIG, EXIT_DONE, EXIT_FAILED, EXIT_HELD, EXIT_QUARANTINED
from jobs.logs import start_log
from jobs.progress import RunProgress
from sgddiff_batch.config import ArchiveJobConfig, load_config
from sgddiff_batch.core.fingerprint import run_key
from sgddiff_batch.core.planning import SceneMosaic, Task
from sgddiff_batch.core.provenance import scene_provenance
from sgddiff_batch.core.withdrawals import Withdrawals
from sgddiff_batch.engine.driver import Driver, SceneResult
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.survey import Forecast, RunPlan, Workers, forecast, survey
from sgddiff_batch.engine.worker import TaskOutcome
from sgddiff_batch.io.ledger import DamageBook, Lease, ObjectLedger, RedoMark, mended_records
from sgddiff_batch.io.mosaics import ZarrBlockWriter
from sgddiff_batch.io.reports import new_run_id, versions
from sgddiff_batch.io.sources import Listing, list_archive
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger("infer_archive")

__all__ = ["EXIT_CONFIG", "EXIT_DONE", "EXIT_FAILED", "EXIT_HELD", "EXIT_QUARANTINED", "Run", "main"]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has been planned: everything that it needs, nothing started."""

    run_id: str
    config: ArchiveJobConfig
    device: str
    predictors: int
    crew: Workers
    listing: Listing
    records: Mapping[str, SceneRecord]
    plan: RunPlan
    forecast: Forecast
    pixel_settings: Mapping[str, object]
    run_key: str
    lease: Lease | None
    withdrawals: Withdrawals
    marks: Mapping[str, RedoMark]
    ledger: ObjectLedger
    damage: DamageBook


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job and return its exit code."""
    start_log()
    options = _parse(argv)
    return concluding.guarded(partial(_run, options))


def _run(options: argparse.Namespace) -> int:
    config = load_config(options.config, options.set, under_ray_job=under_ray_job())
    return (_dry_run if options.dry_run else _leased_run)(config, options)


def _dry_run(config: ArchiveJobConfig, options: argparse.Namespace) -> int:
    run = plan_run(config, None, scope.scope_of(options), allow_withdrawals=options.allow_withdrawals)
    plan_table.print_plan(run)
    return EXIT_DONE


def _leased_run(config: ArchiveJobConfig, options: argparse.Namespace) -> int:
    return run_leased(config, scope.scope_of(options), allow_withdrawals=options.allow_withdrawals)


def run_leased(
    config: ArchiveJobConfig, extent: scope.Scope = scope.EVERYTHING, *, allow_withdrawals: bool = False
) -> int:
    """Take the lease, plan a run and execute it; return the exit code.

    Raises:
        LeaseHeldError: if another run is at work there.
        SgddiffBatchError: as :func:`plan_run` and the stores do.
    """
    assembly.check_output(config.output.uri)
    with assembly.make_lease(config, new_run_id()) as lease:
        run = plan_run(config, lease, extent, allow_withdrawals=allow_withdrawals)
        plan_table.print_plan(run)
        return execute(run)


def plan_run(
    config: ArchiveJobConfig,
    lease: Lease | None = None,
    extent: scope.Scope = scope.EVERYTHING,
    *,
    allow_withdrawals: bool = False,
) -> Run:
    """List the archive, compare it with the ledger, and plan what is new or changed.

    Without a lease on the output the plan is a dry one: no marks are left there while scenes are opened.

    Raises:
        ConfigError: if the archive is not there, or the plan does not fit its memory.
    """
    device = assembly.resolve_device(config)
    workers = assembly.resolve_workers(config.engine.workers, device)
    local = config.engine.kind == "local"
    predictors, processes = (workers, 1) if local else (1, workers)
    crew = assembly.make_crew(config, device, predictors, processes)
    settings = assembly.pixel_settings(config, device)
    key = run_key(settings)
    listing = list_archive(config.archive.query(), config.output.uri)
    damage = DamageBook()
    ledger = assembly.make_ledger(config, lease, damage)
    records = mended_records(ledger, write=lease is not None)
    withdrawals = publishing.plan_withdrawals(config, ledger, listing, allow=allow_withdrawals)
    reader = assembly.make_reader(config, None if lease is None else ledger)
    missing = {assembly.missing_scene(file): file.reason for file in listing.missing}
    marks = scope.read_marks(ledger, records, drop_outdated=lease is not None)
    chosen = extent.extent(listing, records, marks)
    plan = survey(listing.scenes, records, reader, config.tiling.tiling, key, missing, chosen, Retries())
    plan = scope.with_replacements(plan, ledger, marks)
    scope.tell_postponed(plan)
    if not (listing.scenes or listing.missing or listing.not_listed):
        log.warning("archive.uri: there are no .tif or .tiff files in %s", config.archive.uri)
    numbers = forecast(plan, ledger, crew)
    run_id = lease.run_id if lease else new_run_id()
    return Run(
        run_id, config, device, predictors, crew, listing, records, plan, numbers, settings, key, lease,
        withdrawals, marks, ledger, damage,
    )  # fmt: skip


def execute(run: Run) -> int:
    """Do the work of a planned run, write its report, print its table, and return the exit code."""
    started, start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    results: list[SceneResult] = []
    output = assembly.open_output(run.config, run.lease)
    publishing.restore_returned(run.ledger, run.withdrawals)
    driver = Driver(
        ZarrBlockWriter(output),
        run.ledger,
        run.run_key,
        partial(provenance, run),
        run.crew.task_bytes,
        Retries(),
    )
    planned = {mosaic.id for mosaic in run.plan.mosaics}
    try:
        with RunProgress(run.forecast.scenes, run.forecast.tiles) as progress:
            for result in driver.run(run.plan, run.records, _engine(run), partial(_count, progress)):
                if result.scene_id in planned:
                    progress.scene()
                _log_result(result)
                scope.settle_mark(run.ledger, run.marks, result)
                if result.state != "unchanged":
                    results.append(result)
    finally:
        results += driver.pending()
        concluding.keep_rate(run, results, time.monotonic() - start)
        published = publishing.publish_safely(run, results)
        concluding.conclude(run, results, started, time.monotonic() - start)
    unchanged = concluding.unchanged_ids(run)
    return concluding.exit_code(run.ledger, results, published=published, unchanged=unchanged)


def provenance(run: Run, mosaic: SceneMosaic) -> dict[str, object]:
    """Return what a mosaic says about where it comes from."""
    return scene_provenance(
        mosaic.scene,
        mosaic.profile,
        run.pixel_settings,
        run_key=run.run_key,
        run_id=run.run_id,
        software=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    ).to_json()


def _engine(run: Run) -> Callable[[Iterable[Task]], Iterator[TaskOutcome]]:
    local = run.config.engine.kind == "local"
    # Workers in other processes look at the lease; those in this one share it.
    fence = run.lease.watch() if run.lease and not local else run.lease
    recipe = assembly.WorkerRecipe(run.config, run.device, run.predictors, fence)
    if local:
        return lambda tasks: run_local(tasks, recipe(), run.predictors)
    from sgddiff_batch.engine.ray_cluster import connect_ray
    from sgddiff_batch.engine.ray_data import run_ray

    def run_on_ray(tasks: Iterable[Task]) -> Iterator[TaskOutcome]:
        wanted = run.config.engine.workers
        with connect_ray():
            yield from run_ray(
                tasks,
                recipe,
                workers=wanted if isinstance(wanted, int) else None,
                gpus_per_worker=1.0 if run.device == "cuda" else 0.0,
                worker_bytes=run.crew.worker_bytes,
            )

    return run_on_ray


def _count(progress: RunProgress, outcome: TaskOutcome) -> None:
    progress.tiles(outcome.task.mosaic.lattice.tile_count(outcome.task.window))


def _log_result(result: SceneResult) -> None:
    if result.state in ("quarantined", "failed"):
        log.warning("%s: %s: %s", result.scene_id, result.state, result.reason)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infer_archive", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="YAML file; archive.uri and output.uri"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and start nothing")
    parser.add_argument(
        "--allow-withdrawals",
        action="store_true",
        help="withdraw scenes that are no longer listed also if they are more than half of the archive",
    )
    scope.add_flags(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
