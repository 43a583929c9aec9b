"""Plan: the archive is listed and compared with the ledger; what is new or changed is opened and planned."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sgddiff_batch.core.withdrawals import Withdrawals
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.survey import Forecast, RunPlan, forecast, survey
from sgddiff_batch.io.ledger import RedoMark, mended_records
from sgddiff_batch.io.sources import Listing, list_archive
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs.bench import Bench, missing_scene
from sgddiff_batch.runs.scope import EVERYTHING, Scope, read_marks, tell_postponed, with_replacements
from sgddiff_batch.runs.withdrawals import plan_withdrawals

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has been planned: everything that it needs, nothing started."""

    bench: Bench
    listing: Listing
    records: Mapping[str, SceneRecord]
    plan: RunPlan
    forecast: Forecast
    withdrawals: Withdrawals
    marks: Mapping[str, RedoMark]


def plan_run(bench: Bench, scope: Scope = EVERYTHING, *, allow_withdrawals: bool = False) -> Run:
    """List the archive, compare it with the ledger, and plan what is new or changed.

    Without a lease on the output the plan is a dry one: no marks are left there while scenes are opened.

    Raises:
        ConfigError: if the archive is not there, or the plan does not fit its memory.
    """
    crew, key, ledger, may_write = bench.crew, bench.run_key, bench.ledger, bench.lease is not None
    listing = list_archive(bench.query, bench.output.uri)
    records = mended_records(ledger, write=may_write)
    withdrawals = plan_withdrawals(bench, listing, allow=allow_withdrawals)
    reader = bench.reader(ledger if may_write else None)
    missing = {missing_scene(file): file.reason for file in listing.missing}
    marks = read_marks(ledger, records, drop_outdated=may_write)
    extent = scope.extent(listing, records, marks)
    plan = survey(listing.scenes, records, reader, bench.tiling.tiling, key, missing, extent, Retries())
    plan = with_replacements(plan, ledger, marks)
    tell_postponed(plan)
    if not (listing.scenes or listing.missing or listing.not_listed):
        log.warning("archive.uri: there are no .tif or .tiff files in %s", bench.query.sources[0].uri)
    return Run(bench, listing, records, plan, forecast(plan, ledger, crew), withdrawals, marks)
