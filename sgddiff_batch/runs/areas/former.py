"""Former areas: those that a config has no more, or under another name, and that readers still see."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.core.words import first_of, on_one_line, printable
from sgddiff_batch.errors import ConfigError, FatalError, SgddiffBatchError
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.catalogue import PublishContext
from sgddiff_batch.io.ledger import Lease, ObjectLedger, fenced, mended_records
from sgddiff_batch.io.reports import new_run_id
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import check_output
from sgddiff_batch.runs.areas.compose import AREAS

log = logging.getLogger(__name__)


def tell_former_areas(config: ArchiveJobConfig) -> None:
    """Name in one line the areas that are on show and not in the config; that none can be looked for, too."""
    try:
        shown = [name for name in _former(config) if _is_shown(config, name)]
    except (SgddiffBatchError, OSError) as error:
        log.warning("areas that left the config could not be looked for: %s", on_one_line(error))
        return
    if shown:
        log.warning(
            "%d areas are not in the config, and readers still see them: %s; "
            "--withdraw-area NAME takes one out of its catalogue",
            len(shown),
            first_of([printable(name) for name in shown]),
        )


def withdraw_area(config: ArchiveJobConfig, name: str, *, dry_run: bool = False) -> None:
    """Take all mosaics of a former area out of its catalogue; the stores stay until gc takes them.

    Back in the config, with the same cells and periods, the area is current again where its scenes are.

    Raises:
        ConfigError: if the config has the area, or the output has none of that name.
        LeaseHeldError: if a run is at work on it.
        FatalError, RetryableError: as ledger, catalogue and store do.
    """
    former = _former(config)
    if name not in former:
        why = "the config has that area: take it out first" if name in _known(config) else "there is none"
        others = f"; not in the config are {first_of(list(map(printable, former)))}" if former else ""
        raise ConfigError(f"--withdraw-area {printable(name)}: {why}{others}")
    uri = _uri(config, name)
    if dry_run:
        count = len(_current(ObjectLedger(open_store(uri))))
        log.info("%s: %d area mosaics would leave the catalogue", name, count)
        return
    check_output(uri)
    with Lease(open_store(uri), new_run_id(), config.lease.seconds, alone=True) as lease:
        _withdraw(config, name, lease)


def _withdraw(config: ArchiveJobConfig, name: str, lease: Lease) -> None:
    ledger = ObjectLedger(fenced(open_store(_uri(config, name)), lease))
    records = mended_records(ledger, write=True)
    gone = sorted(records.keys() - ledger.withdrawn().keys())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for area_id in gone:
        ledger.withdraw(area_id, now)
    context = PublishContext(lease.run_id)
    catalogue.publish(ledger.store, records, records.keys(), context, config.output.keep_generations)
    log.info("%s: %d area mosaics left the catalogue; `sgddiff gc` takes their stores", name, len(gone))


def area_outputs(output_uri: str) -> dict[str, str]:
    """Return the URIs of all areas of an output by their names, sorted, also of those that no config has."""
    store = open_store(output_uri)
    try:
        found = sorted(name for name, version in store.entries(AREAS).items() if version is None)
    except FileNotFoundError:
        return {}
    return {name: store.uri_of(f"{AREAS}/{name}") for name in found}


def _former(config: ArchiveJobConfig) -> list[str]:
    """Return the names of all folders for areas that the config does not have, sorted."""
    store, found = open_store(config.output.uri), [*area_outputs(config.output.uri)]
    known = _known(config)
    # Names of local folders may not tell cases apart: what looks like another may be the one in use.
    is_folder = store.local_path() is not None
    return [name for name in found if (name.lower() if is_folder else name) not in known]


def _known(config: ArchiveJobConfig) -> set[str]:
    names = {area.name for area in config.areas}
    return names | {name.lower() for name in names} if "://" not in config.output.uri else names


def _is_shown(config: ArchiveJobConfig, name: str) -> bool:
    try:
        pointer = catalogue.read_pointer(open_store(_uri(config, name)))
    except FatalError:
        return True  # whoever withdraws it is told what is damaged
    return pointer is not None and pointer.generation.rows > 0


def _current(ledger: ObjectLedger) -> set[str]:
    return ledger.records().keys() - ledger.withdrawn().keys()


def _uri(config: ArchiveJobConfig, name: str) -> str:
    return f"{config.output.uri.rstrip('/')}/{AREAS}/{name}"
