"""Mending the ledger: one damaged object of one scene must not stop the nights of all others."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, astuple

from sgddiff_batch.core.record_columns import RecordsBuilder
from sgddiff_batch.io.ledger.damage import DamagedRecord, DamagedRecordError
from sgddiff_batch.io.ledger.index import indexed_parts
from sgddiff_batch.io.ledger.marks import LEDGER, ObjectLedger, index_of, scene_id_of
from sgddiff_batch.io.ledger.parsing import fields_of, parse_record
from sgddiff_batch.io.ledger.record_table import RecordTable
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger(__name__)

_SCENES = f"{LEDGER}/scenes"
_DAMAGED = f"{LEDGER}/damaged"
"""Where the bytes of damaged objects are kept for whoever looks into it."""


def mended_records(ledger: ObjectLedger, *, write: bool) -> RecordTable:
    """Return the record of every scene by scene id; damaged ones are rebuilt from the scene's commits.

    A scene without a commit that can be read is left out, and so it is new to the run. With ``write``, which
    only the run that holds the lease may ask for, the ledger is mended too; the damaged bytes are kept below
    ``_ledger/damaged/``, and the index of the records is brought up to date. The ledger takes note of each
    damaged one.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    records = RecordsBuilder()
    for keys, contents in indexed_parts(ledger.store, _SCENES, index_of("scenes"), write=write):
        for key, data in zip(keys, contents, strict=True):
            try:
                fields = fields_of(key, data)
                if fields[0] != scene_id_of(key):
                    raise DamagedRecordError(f"the ledger object {key} is of another scene, {fields[0]!r}")
            except DamagedRecordError as error:
                rebuilt = _mend(ledger, key, data, error, write=write)
                if rebuilt is not None:
                    records.append(*astuple(rebuilt))
            else:
                records.append(*fields)
    return RecordTable(records.columns())


def _mend(
    ledger: ObjectLedger, key: str, data: bytes, error: DamagedRecordError, *, write: bool
) -> SceneRecord | None:
    scene_id = scene_id_of(key)
    record = _last_commit(ledger, scene_id)
    how = f"rebuilt from its commit of {record.finished_at}" if record else "its scene is new now"
    ledger.on_damage(DamagedRecord(key, scene_id, str(error), how))
    if write:
        ledger.store.write(key.replace(_SCENES, _DAMAGED, 1), data)
        if record is None:
            ledger.store.delete(key)
        else:
            # Not `finish`: marks of reading say which scenes processes died of.
            ledger.store.write(key, json.dumps(asdict(record), separators=(",", ":")).encode())
    return record


def _last_commit(ledger: ObjectLedger, scene_id: str) -> SceneRecord | None:
    """Return the newest record of the scene's mosaics; a mosaic that is current again was committed again."""
    found = []
    for key, data in ledger.store.read_all(f"{LEDGER}/mosaics/{scene_id}").items():
        try:
            record = parse_record(key, data)
        except DamagedRecordError as error:
            log.error("%s", error)
            continue
        if record.scene_id == scene_id and record.reason is None:
            found.append(record)
    return max(found, key=lambda record: record.finished_at, default=None)
