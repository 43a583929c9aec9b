"""What a run says to the archive catalogue: which scenes left the archive, and what is current at its end."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobs import assembly
from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.core.catalogue import Generation, Withdrawals, find_withdrawals
from sgddiff_batch.engine.driver import SceneResult
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io import archive_catalogue
from sgddiff_batch.io.catalogue_rows import Span
from sgddiff_batch.io.catalogue_update import Night
from sgddiff_batch.io.ledgers import ObjectLedger
from sgddiff_batch.io.reports import redact_uri
from sgddiff_batch.io.sources import Listing

if TYPE_CHECKING:
    from jobs.infer_archive import Run

log = logging.getLogger(__name__)

_REQUESTS = 16


def plan_withdrawals(
    config: ArchiveJobConfig, ledger: ObjectLedger, listing: Listing, *, partial: bool, allow: bool
) -> Withdrawals:
    """Return which scenes of the catalogue left the archive, by the rules of :func:`find_withdrawals`.

    partial: whether the run was told to take only a part of the archive. allow: ``--allow-withdrawals``.
    """
    try:
        catalogued = _catalogued(ledger)
    except (FatalError, FileNotFoundError) as error:
        log.warning("no scene is withdrawn, for the catalogue cannot be read: %s", error)
        catalogued = {}
    found = find_withdrawals(
        catalogued,
        ledger.withdrawn().keys(),
        _archive(config),
        _listed(listing),
        superseded=listing.superseded.keys(),
        complete=listing.is_whole and not partial,
        allow=allow,
    )
    if found.refusal:
        log.warning("%s", found.refusal)
    return found


def publish_safely(run: Run, results: Iterable[SceneResult]) -> bool:
    """Publish as :func:`publish_run` does; log what hinders it, and return whether the catalogue is current.

    For the end of a run, also of one that is being broken off: whatever broke it must not be hidden.
    """
    try:
        publish_run(run, results)
        return True
    except Exception as error:
        log.error(
            "the catalogue is still that of before, the next run publishes: %s", " ".join(str(error).split())
        )
        log.debug("where publishing stopped:", exc_info=True)
        return False


def publish_run(run: Run, results: Iterable[SceneResult]) -> Generation | None:
    """Mark what was withdrawn, and publish what is current now; return the new generation, if there is one.

    results: what the run did since it was planned.

    Raises:
        SgddiffBatchError: as the store does; then readers see the catalogue of before.
    """
    config, ledger = run.config, assembly.make_ledger(run.config, run.lease)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for scene_id in run.withdrawals.withdrawn:
        ledger.withdraw(scene_id, now)
    for scene_id in run.withdrawals.returned:
        ledger.restore(scene_id)
    settled = [result.scene_id for result in results if result.state in ("done", "quarantined")]
    with ThreadPoolExecutor(_REQUESTS) as pool:
        changed = {record.scene_id: record for record in pool.map(ledger.record, settled) if record}
    night = Night(run.run_id, _archive(config), _listed(run.listing), _times(run.listing))
    generation = archive_catalogue.publish(
        ledger.store,
        {**run.records, **changed},
        ledger.withdrawn().keys(),
        night,
        config.output.keep_generations,
    )
    if generation is not None:
        log.info("the catalogue is at generation %d: %d mosaics", generation.number, generation.rows)
    return generation


def _catalogued(ledger: ObjectLedger) -> dict[str, str | None]:
    pointer = archive_catalogue.read_pointer(ledger.store)
    if pointer is None:
        return {}
    # The newest, not the current one: a rollback is for readers, and says nothing of the archive.
    table = archive_catalogue.read_generation(ledger.store, pointer.newest, ["id", "archive"])
    return dict(zip(table["id"].to_pylist(), table["archive"].to_pylist(), strict=True))


def _archive(config: ArchiveJobConfig) -> str:
    return redact_uri(config.archive.uri.rstrip("/"))


def _listed(listing: Listing) -> set[str]:
    missing = {assembly.missing_scene(file).scene_id for file in listing.missing}
    return {scene.scene_id for scene in listing.scenes} | set(listing.left_out) | missing


def _times(listing: Listing) -> dict[str, Span]:
    spans = {scene_id: facts.time for scene_id, facts in listing.facts.items() if facts.time}
    return {
        scene_id: (span.start_s, span.stop_s)
        for scene_id, span in spans.items()
        if math.isfinite(span.start_s) and math.isfinite(span.stop_s)
    }
