"""Bringing the catalogue up to date: which rows still hold, and the rows of mosaics that are new."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.words import redact_uri
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.catalogue import rows
from sgddiff_batch.io.catalogue.rows import DONE, QUARANTINED, SCHEMA, Current
from sgddiff_batch.io.geodesy import FootprintMaker
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.storage import Store
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger(__name__)

_REQUESTS = 16
_OPENED = 256
_CONVERTED = 65_536
_NOT_A_ROOT = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, slots=True)
class PublishContext:
    """What a run knows of the archive when it publishes.

    ``archive`` names what was listed, ``listed`` are the ids that it has, ``times`` when scenes were taken.
    """

    run_id: str
    archive: str | None = None
    listed: Set[str] = frozenset()
    times: Mapping[str, TimeSpan] = field(default_factory=dict)


def updated(
    store: Store,
    before: pa.Table,
    records: Mapping[str, SceneRecord],
    withdrawn: Set[str],
    context: PublishContext,
) -> pa.Table:
    """Return a catalogue brought up to date: rows that still hold are taken over, the others made anew.

    A mosaic whose store is gone or not complete is left out with a warning.
    """
    wanted = {r.scene_id: r for r in records.values() if r.store and r.scene_id not in withdrawn}
    mask = _unchanged(before, wanted, context.times)
    # Of a million rows that all hold, no copy is made.
    table = before if all(mask) else before.filter(pa.array(mask, pa.bool_()))
    for (scene_id,) in _values(table, "id"):
        wanted.pop(scene_id, None)
    if wanted:
        fresh = rows.table_of(_fresh_rows(store, list(wanted.values()), context.times))
        table = pa.concat_tables([table, fresh]).sort_by("id").combine_chunks()
    if context.archive is not None:
        listed = pc.is_in(table["id"], value_set=pa.array(sorted(context.listed), pa.string()))
        archive = pc.if_else(listed, pa.scalar(context.archive, pa.string()), table["archive"])
        table = table.set_column(table.schema.get_field_index("archive"), "archive", archive)
    return table.cast(SCHEMA)


def _unchanged(
    table: pa.Table, wanted: Mapping[str, SceneRecord], times: Mapping[str, TimeSpan]
) -> list[bool]:
    """Return for each row whether it says of its scene what its record does."""
    names = ("id", "store", "reason", "created", "datetime", "start_datetime", "end_datetime")
    return [
        scene_id in wanted and _says(wanted[scene_id], said, times.get(scene_id))
        for scene_id, *said in _values(table, *names)
    ]


def _values(table: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield some columns row by row; they are Python's own values for a part of the table at a time."""
    for batch in table.select(names).to_batches(max_chunksize=_CONVERTED):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _says(record: SceneRecord, said: Sequence[Any], span: TimeSpan | None) -> bool:
    store, reason, created, *taken = said
    if (record.store, _shown(record.reason)) != (store, reason):
        return False
    # The time of a record in quarantine is that of the failed attempt, not the mosaic's.
    if record.reason is None and rows.instant(record.finished_at) != created:
        return False
    return span is None or taken == rows.times_of(span, created)


def _fresh_rows(
    store: Store, records: Sequence[SceneRecord], times: Mapping[str, TimeSpan]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of mosaics that have to be opened; a mosaic that is no good gives none."""
    footprints = FootprintMaker()
    with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="catalogue") as pool:
        # In parts: a root may be large, and only so many are held at a time.
        for start in range(0, len(records), _OPENED):
            part = records[start : start + _OPENED]
            for record, (current, data) in zip(part, pool.map(partial(_open, store), part), strict=True):
                try:
                    root = json.loads(data)["attributes"]
                    if not mosaics.is_complete(root):
                        raise ValueError("it is not complete")
                    row = rows.row(current, store.uri, root, times.get(record.scene_id), footprints)
                except _NOT_A_ROOT as error:
                    log.warning(
                        "%s is left out of the catalogue: %s: %s", record.scene_id, record.store, error
                    )
                    continue
                yield row


def _open(store: Store, record: SceneRecord) -> tuple[Current, bytes]:
    """Return what is current of a scene, and the root object of its mosaic, empty where that is gone."""
    name, ledger = record.store or "", ObjectLedger(store)
    completed = (record.reason and ledger.finished_mosaic(name)) or record
    current = Current(completed, name, QUARANTINED if record.reason else DONE, _shown(record.reason))
    try:
        return current, store.read(f"{name}/{mosaics.ROOT}")
    except FileNotFoundError:
        return current, b""


def _shown(reason: str | None) -> str | None:
    return None if reason is None else redact_uri(reason)
