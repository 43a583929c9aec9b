"""What a run says to the archive catalogue: which scenes left the archive, and what is current at its end."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobs import assembly
from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.generations import Generation
from sgddiff_batch.core.query import AssetRule, Source
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.withdrawals import Withdrawals, find_withdrawals
from sgddiff_batch.core.words import first_of, redact_uri
from sgddiff_batch.engine.driver import SceneResult
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.catalogue import PublishContext
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.sources import Listing

if TYPE_CHECKING:
    from jobs.infer_archive import Run

log = logging.getLogger(__name__)

_REQUESTS = 16
_TOLD = 10


def plan_withdrawals(
    config: ArchiveJobConfig, ledger: ObjectLedger, listing: Listing, *, allow: bool
) -> Withdrawals:
    """Return which scenes of the catalogue left the archive, by the rules of :func:`find_withdrawals`.

    allow: ``--allow-withdrawals``.
    """
    try:
        catalogued = _catalogued(ledger)
    except (FatalError, FileNotFoundError) as error:
        log.warning("no scene is withdrawn, for the catalogue cannot be read: %s", error)
        catalogued = {}
    found = find_withdrawals(
        catalogued,
        ledger.withdrawn().keys(),
        archive_name(config.archive.query().sources),
        _listed(listing),
        superseded=listing.superseded,
        former=redact_uri(config.archive.uri.rstrip("/")),
        complete=listing.is_whole,
        allow=allow,
    )
    _tell(found, listing)
    return found


def _tell(found: Withdrawals, listing: Listing) -> None:
    if found.refusal:
        log.warning("%s", found.refusal)
    for file in listing.not_listed[:_TOLD]:
        log.warning("not listed: %s: %s", file.path, file.reason)
    if not listing.is_whole:
        log.warning(
            "no scene is withdrawn, for the listing is not whole (%d parts not listed)",
            len(listing.not_listed),
        )
    if found.claimed:
        log.warning(
            "%d scenes in the catalogue were last listed by another archive, %s, and are this one's now: %s; "
            "if the sources of this one were not changed, two archives with equal scene ids share an output: "
            "give each its own",
            len(found.claimed),
            sorted(set(found.claimed.values()))[0],
            first_of(sorted(found.claimed)),
        )


def archive_name(sources: Sequence[Source]) -> str:
    """Return what the catalogue calls an archive: by all that decides which scenes it lists, but filters.

    The bare URI of a single source of which nothing else is said; else JSON. No secret is in it.
    """
    facts = [_source_facts(source) for source in sources]
    if len(facts) == 1 and facts[0].keys() == {"uri"}:
        return str(facts[0]["uri"])
    first, *others = (json.dumps(fact, sort_keys=True, ensure_ascii=False) for fact in facts)
    return f"[{', '.join([first, *sorted(set(others))])}]"


def _source_facts(source: Source) -> dict[str, object]:
    uri = source.uri.rstrip("/")
    facts: dict[str, object] = {"uri": redact_uri(uri)}
    if facts["uri"] != uri:
        # What may be a secret is not shown, and still tells one archive from another.
        facts["digest"] = digest(uri)[:12]
    if source.kind != "auto":
        facts["kind"] = source.kind
    if source.collections:
        facts["collections"] = sorted(set(source.collections))
    if source.asset != AssetRule():
        facts["asset"] = {"key": source.asset.key, "role": source.asset.role}
    return facts


def restore_returned(ledger: ObjectLedger, withdrawals: Withdrawals) -> None:
    """Take the marks of scenes back that are in the archive again, before anything is done with them."""
    for scene_id in withdrawals.returned:
        ledger.restore(scene_id)
    if withdrawals.returned:
        log.info(
            "%d scenes are back in the archive: %s", len(withdrawals.returned), first_of(withdrawals.returned)
        )


def report(run: Run, results: Iterable[SceneResult]) -> dict[str, object]:
    """Return what the report of a run says of its listing, and of what left the catalogue by it."""
    return {
        "listing": run.listing.report(),
        "withdrawals": run.withdrawals.report(replaced(run, results)),
    }


def replaced(run: Run, results: Iterable[SceneResult]) -> tuple[str, ...]:
    """Return the older versions of scenes that go, for the newer ones have a mosaic now."""
    states = {result.scene_id: result.state for result in results}

    def is_current(scene_id: str) -> bool:
        record = run.records.get(scene_id)
        was_current = record is not None and record.store is not None and record.reason is None
        state = states.get(scene_id)
        return state == "done" or (was_current and state != "quarantined")

    return run.withdrawals.replaced(is_current)


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
    config, ledger = run.config, run.ledger
    now = datetime.now(UTC).isoformat(timespec="seconds")
    done = list(results)
    for ids, why in (
        (run.withdrawals.withdrawn, "left the archive"),
        (replaced(run, done), "are superseded"),
    ):
        for scene_id in ids:
            ledger.withdraw(scene_id, now)
        if ids:
            log.info("%d scenes %s and leave the catalogue: %s", len(ids), why, first_of(ids))
    settled = [result.scene_id for result in done if result.state in ("done", "quarantined")]
    with ThreadPoolExecutor(_REQUESTS) as pool:
        changed = {record.scene_id: record for record in pool.map(ledger.record, settled) if record}
    name = archive_name(config.archive.query().sources)
    context = PublishContext(run.run_id, name, _listed(run.listing), _times(run.listing))
    generation = catalogue.publish(
        ledger.store,
        {**run.records, **changed},
        ledger.withdrawn(index=True).keys(),
        context,
        config.output.keep_generations,
    )
    if generation is not None:
        log.info("the catalogue is at generation %d: %d mosaics", generation.number, generation.rows)
    return generation


def _catalogued(ledger: ObjectLedger) -> dict[str, str | None]:
    pointer = catalogue.read_pointer(ledger.store)
    if pointer is None:
        return {}
    # The newest, not the current one: a rollback is for readers, and says nothing of the archive.
    table = catalogue.read_generation(ledger.store, pointer.newest, ["id", "archive"])
    return dict(zip(table["id"].to_pylist(), table["archive"].to_pylist(), strict=True))


def _listed(listing: Listing) -> set[str]:
    missing = {assembly.missing_scene(file).scene_id for file in listing.missing}
    return {scene.scene_id for scene in listing.scenes} | set(listing.left_out) | missing


def _times(listing: Listing) -> dict[str, TimeSpan]:
    spans = {scene_id: facts.time for scene_id, facts in listing.facts.items() if facts.time}
    return {
        scene_id: span
        for scene_id, span in spans.items()
        if math.isfinite(span.start_s) and math.isfinite(span.stop_s)
    }
