"""One run over one area: planned from the archive catalogue, executed cell by cell, published as a whole."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from sgddiff_batch.config import ArchiveJobConfig, AreaConfig
from sgddiff_batch.core.cells import CellGrid
from sgddiff_batch.core.composite_planning import (
    AreaPlan,
    AreaSettings,
    find_changes,
    keep_unless_sure,
    plan_areas,
)
from sgddiff_batch.core.words import first_of
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.areas import find_members, made_of, parse_crs
from sgddiff_batch.io.ledger import (
    Lease,
    ObjectLedger,
    RedoMark,
    check_cells,
    fenced,
    keep_cells,
    mended_records,
    untold,
)
from sgddiff_batch.io.reports import new_run_id
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import (
    Attempt,
    Ending,
    Journal,
    check_output,
    ending_by,
    read_marks,
    settle_mark,
    told_tally,
    undamaged,
)
from sgddiff_batch.runs.areas.area_run import (
    AreaEnd,
    AreaResult,
    AreaRun,
    area_ending,
    judged_area,
    left_as_they_are,
    log_result,
    publish_area,
    rest_of_area,
    write_area_report,
)
from sgddiff_batch.runs.areas.cells import CellRecipe
from sgddiff_batch.runs.areas.gathering import composed, gathering_of

log = logging.getLogger(__name__)

AREAS = "_areas"
"""Folder of an output below which its areas lie, each an output of its own; no scene id begins with ``_``."""


def area_uri(config: ArchiveJobConfig, area: AreaConfig) -> str:
    """Return where the mosaics of an area lie: an output like any other, for all commands that take one."""
    return f"{config.output.uri.rstrip('/')}/{AREAS}/{area.name}"


def chosen_areas(config: ArchiveJobConfig, names: Sequence[str]) -> list[AreaConfig]:
    """Return the areas of these names, all where there are none.

    Raises:
        ConfigError: if the config has no areas, or none of that name, or one of them cannot be used.
    """
    known = {area.name: area for area in config.areas}
    if not known:
        raise ConfigError("areas: the config has none; give a list of name, crs and resolution")
    for name in names:
        if name not in known:
            raise ConfigError(f"--area {name}: the config has no such area; it has {', '.join(known)}")
    chosen = [area for name, area in known.items() if not names or name in names]
    for area in chosen:
        settings_of(area)  # before any work, also that of the areas before it
    return chosen


@contextmanager
def leased_area(
    config: ArchiveJobConfig, area: AreaConfig, attempt: Attempt | None = None
) -> Iterator[Lease]:
    """Take the lease on an area, and give it back at the end.

    attempt: the run that it is for.

    Raises:
        ConfigError: if the area cannot be written to.
        LeaseHeldError: if another run is at work on it.
    """
    uri = area_uri(config, area)
    check_output(uri)
    alone = config.engine.kind == "local"
    with (attempt or Attempt()).lease(open_store(uri), config.lease.seconds, alone=alone) as lease:
        yield lease


def settings_of(area: AreaConfig) -> AreaSettings:
    """Return an area's settings.

    Raises:
        ConfigError: if its CRS cannot be used.
    """
    try:
        cells = CellGrid(parse_crs(area.crs).to_wkt(), area.resolution, area.cell_px, area.origin)
    except ValueError as error:
        raise ConfigError(f"areas: {area.name}: {error}") from None
    return AreaSettings(cells, area.period, area.rule, area.resampling)


def plan_area(
    config: ArchiveJobConfig,
    area: AreaConfig,
    lease: Lease | None = None,
    *,
    retry_quarantined: bool = False,
    allow_withdrawals: bool = False,
) -> AreaRun:
    """Compare the archive catalogue with what is composed already; without a lease nothing is changed.

    Raises:
        ConfigError: if there is no catalogue, or the area was begun with other cells.
        FatalError: if it, or the area's ledger, is damaged.
    """
    settings = settings_of(area)
    archive, store = open_store(config.output.uri), fenced(open_store(area_uri(config, area)), lease)
    check_cells(store, area.name, settings)
    members = find_members(archive, settings.cells, area.time_pattern)
    try:
        plans = plan_areas(settings, members.scenes)
    except ValueError as error:
        raise ConfigError(f"areas: {area.name}: {error}") from None
    ledger = ObjectLedger(store)
    records = mended_records(ledger, write=lease is not None)
    marks = read_marks(ledger, records, drop_outdated=lease is not None)
    withdrawn = ledger.withdrawn().keys()
    changes = find_changes(plans, records, withdrawn, retry_quarantined=retry_quarantined, redo=marks.keys())
    refused = {scene.scene_id for scene in members.refused}
    kept = made_of(store, [records[area_id] for area_id in changes.gone], refused)
    changes = keep_unless_sure(changes, records, withdrawn, kept, allow=allow_withdrawals)
    if kept:
        log.warning(
            "%d area mosaics have no scene left but such as are refused now, and stay: %s",
            len(kept),
            first_of(sorted(kept)),
        )
    touched = _with_sound_path(changes.touched, ledger, marks)
    workers = area.workers if isinstance(area.workers, int) else len(os.sched_getaffinity(0))
    run_id = lease.run_id if lease else new_run_id()
    is_here = config.engine.kind == "local"
    # Workers in other processes look at the lease; those in this one share it.
    fence = lease.watch() if lease and not is_here else lease
    objects = None if config.objects is None else config.objects.settings
    made_by = area.name, settings, area.block_px, run_id, fence, objects
    recipe = CellRecipe(config.output.uri, store.uri, *made_by)
    return AreaRun(
        run_id, config, area, settings, workers, archive, store, members, untold(store, members.refused),
        plans, records, replace(changes, touched=touched), marks, recipe, lease,
    )  # fmt: skip


def _with_sound_path(
    plans: Sequence[AreaPlan], ledger: ObjectLedger, marks: Mapping[str, RedoMark]
) -> tuple[AreaPlan, ...]:
    """Return plans each with a store that is not damaged: readers may see the one that is."""
    stores = undamaged([plan.path for plan in plans], ledger, marks)
    return tuple(
        plan if store == plan.path else replace(plan, replacement=store)
        for plan, store in zip(plans, stores, strict=True)
    )


class AreaView(Protocol):
    """Shows a run over an area to people."""

    def planned(self, run: AreaRun) -> AreaRun:
        """Show what will be done, and return it."""

    def ended(self, end: AreaEnd) -> None:
        """Show what was done, also of a run that is being broken off."""


def run_area(
    config: ArchiveJobConfig,
    area: AreaConfig,
    view: AreaView,
    journal: Journal | None = None,
    *,
    retry_quarantined: bool = False,
    allow_withdrawals: bool = False,
) -> Ending:
    """Plan a run over an area and execute it, under its lease.

    Raises:
        LeaseHeldError: if another run is at work on it.
        SgddiffBatchError: as :func:`plan_area` and :func:`compose_area` do.
    """
    flags = {"retry_quarantined": retry_quarantined, "allow_withdrawals": allow_withdrawals}
    attempt = Attempt.at(area_uri(config, area), journal)
    with leased_area(config, area, attempt) as lease:
        run = plan_area(config, area, lease, **flags)
        return compose_area(view.planned(run), view.ended, attempt)


def compose_area(
    run: AreaRun, ended: Callable[[AreaEnd], None] = lambda end: None, attempt: Attempt | None = None
) -> Ending:
    """Do the work of a planned run, publish it, write its report, and say how it ended.

    ended: is called with what it left, also by a run that is being broken off. attempt: knows of the
    processes of the run before this one, which died.

    Raises:
        FatalError: if the lease was lost.
        ConfigError, RetryableError: as the store does.
    """
    ledger, attempt = run.ledger, attempt or Attempt()
    suspects = attempt.suspects(run.area_store.uri)
    run, results = rest_of_area(run, attempt)
    if run.changes.touched:
        keep_cells(run.area_store, run.area.name, run.settings, run.run_id)
    waiting = set(run.changes.returned) & {plan.area_id for plan in run.changes.touched}
    for area_id in run.changes.returned:
        if area_id not in waiting:
            ledger.restore(area_id)
    for area_id in run.changes.gone:
        ledger.withdraw(area_id, attempt.begun_at)
    results += left_as_they_are(run)
    broken: Ending | None = None
    told = gathering_of(run)
    tally = told_tally(run.lease, len(run.changes.touched))
    try:
        for result in composed(run, attempt, suspects, told):
            log_result(result)
            tally.count(result.state)
            _settle(run, attempt, result, is_back=result.scene_id in waiting)
            results.append(result)
    except BaseException as error:
        broken = ending_by(error)
        raise
    finally:
        known = {result.scene_id for result in results}
        touched = (plan.area_id for plan in run.changes.touched)
        results += [AreaResult(area_id, "pending") for area_id in touched if area_id not in known]
        objects = dict[str, object]()
        published = publish_area(run, objects)
        ending = broken or judged_area(run, results, published=published)
        ended(write_area_report(run, results, attempt, ending, told.costs.total, told.previews, objects))
    return area_ending(run, results, published=published)


def _settle(run: AreaRun, attempt: Attempt, result: AreaResult, *, is_back: bool) -> None:
    """Note what became of a cell; is_back: it had been withdrawn, and counts again."""
    done = SceneResult(result.scene_id, "", result.state, store=result.store)
    settle_mark(run.ledger, run.marks, done)
    if result.state == "failed":
        return
    if is_back:
        # Not before: what its record said till now is of scenes that had left.
        run.ledger.restore(result.scene_id)
    attempt.settled(result.scene_id, is_done=result.state != "quarantined")
