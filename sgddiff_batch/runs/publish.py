"""Publish: what a run says to the archive catalogue at its end: what left the archive, what is current."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from datetime import UTC, datetime

from sgddiff_batch.core.fact_table import FactTable
from sgddiff_batch.core.generations import Generation
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.withdrawals import Withdrawals
from sgddiff_batch.core.words import counted, first_of, on_one_line
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.catalogue import PublishContext
from sgddiff_batch.io.ledger import ObjectLedger, record_table
from sgddiff_batch.io.sources import Listing
from sgddiff_batch.runs.plan import Run
from sgddiff_batch.runs.recordings import Recordings
from sgddiff_batch.runs.withdrawals import archive_name, listed_ids

log = logging.getLogger(__name__)


def restore_returned(ledger: ObjectLedger, withdrawals: Withdrawals) -> None:
    """Take the marks of scenes back that are in the archive again, before anything is done with them."""
    for scene_id in withdrawals.returned:
        ledger.restore(scene_id)
    if withdrawals.returned:
        log.info(
            "%s back in the archive: %s",
            counted(len(withdrawals.returned), "scene", "are"),
            first_of(withdrawals.returned),
        )


def report_withdrawals(run: Run, results: Iterable[SceneResult]) -> dict[str, object]:
    """Return what the report of a run says of its listing, and of what left the catalogue by it."""
    return {
        "listing": run.listing.report(),
        "withdrawals": run.withdrawals.report(replaced(run, results)),
    }


def replaced(run: Run, results: Iterable[SceneResult]) -> tuple[str, ...]:
    """Return the older versions of scenes that go, for the newer ones have a mosaic now."""
    newer = frozenset(run.withdrawals.superseded.values())
    states = {result.scene_id: result.state for result in results if result.scene_id in newer}

    def is_current(scene_id: str) -> bool:
        record = run.records.get(scene_id)
        was_current = record is not None and record.store is not None and record.reason is None
        state = states.get(scene_id)
        return state == "done" or (was_current and state != "quarantined")

    return run.withdrawals.replaced(is_current)


def publish_safely(run: Run, results: Iterable[SceneResult], recordings: Recordings) -> bool:
    """Publish as :func:`publish_run` does; log what hinders it, and return whether the catalogue is current.

    For the end of a run, also of one that is being broken off: whatever broke it must not be hidden.
    """
    try:
        publish_run(run, results, recordings)
        return True
    except Exception as error:
        log.error("the catalogue is still that of before, the next run publishes: %s", on_one_line(error))
        log.debug("where publishing stopped:", exc_info=True)
        return False


def publish_run(run: Run, results: Iterable[SceneResult], recordings: Recordings) -> Generation | None:
    """Mark what was withdrawn, and publish what is current now; return the new generation, if there is one.

    results: what the run did since it was planned. recordings: what its workers recorded meanwhile.

    Raises:
        SgddiffBatchError: as the store does; then readers see the catalogue of before.
    """
    bench, ledger = run.bench, run.bench.ledger
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for ids, why in (
        (run.withdrawals.withdrawn, "gone from the archive"),
        (replaced(run, results), "superseded"),
    ):
        for scene_id in ids:
            ledger.withdraw(scene_id, now)
        if ids:
            log.info("%s out of the catalogue, %s: %s", counted(len(ids), "scene", "are"), why, first_of(ids))
    name = archive_name(bench.query.sources)
    context = PublishContext(
        bench.run_id, name, listed_ids(run.listing), _times(run.listing), recordings.shown
    )
    generation = catalogue.publish(
        ledger.store,
        record_table(run.records) | recordings.table(),
        ledger.withdrawn(index=True).keys(),
        context,
        bench.keep_generations,
    )
    if generation is not None:
        rows = counted(generation.rows, "mosaic")
        log.info("the catalogue is at generation %d: %s", generation.number, rows)
    return generation


def _times(listing: Listing) -> dict[str, TimeSpan]:
    # Of a scene that no catalogue names, nobody knows when it was taken.
    known = listing.facts.more if isinstance(listing.facts, FactTable) else listing.facts
    spans = {scene_id: facts.time for scene_id, facts in known.items() if facts.time}
    return {
        scene_id: span
        for scene_id, span in spans.items()
        if math.isfinite(span.start_s) and math.isfinite(span.stop_s)
    }
