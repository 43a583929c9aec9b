"""Bringing the catalogue up to date: which rows still hold, and the rows of mosaics that are new."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.comparing import is_among
from sgddiff_batch.core.generations import Generation, ObjectsFile
from sgddiff_batch.core.record_columns import RecordColumns
from sgddiff_batch.core.texts import Mask, Rows, Texts, TextSet, same
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.words import redact_uri
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.arrow import texts_of
from sgddiff_batch.io.catalogue import rows
from sgddiff_batch.io.catalogue.rows import DONE, QUARANTINED, Current
from sgddiff_batch.io.catalogue.schema import ITEM, LEAN, TIME_KNOWN, TIMES
from sgddiff_batch.io.catalogue.shown import NOT_SHOWN, Shown, shown_of
from sgddiff_batch.io.geodesy import FootprintMaker
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.storage import Store
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger(__name__)

_REQUESTS = 16
_OPENED = 256
_CONVERTED = 8192


@dataclass(frozen=True, slots=True)
class PublishContext:
    """What a run knows of the archive when it publishes.

    ``archive`` names what was listed, ``listed`` are the ids that it has, ``times`` when scenes were taken,
    ``shown`` what is shown of the mosaics that it made, by scene id, as their records have it. ``places``:
    below which URIs its scenes lie, as far as that is known. ``stac``: whether each mosaic gets a static
    Item.
    """

    run_id: str
    archive: str | None = None
    listed: Set[str] = frozenset()
    times: Mapping[str, TimeSpan] = field(default_factory=dict)
    shown: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    stac: bool = False


class MakesObjects(Protocol):
    """Makes the objects of the mosaics of a generation: two files, which nobody sees before the flip."""

    @property
    def columns(self) -> list[str]:
        """What it has to know of the mosaics: columns of the catalogue."""

    def is_made(self, generation: Generation) -> bool:
        """Say whether a generation has the objects that this makes."""

    def make(self, rows: pa.Table, made_of: str, before: ObjectsFile | None) -> ObjectsFile | None:
        """Make those of the mosaics of a generation of that digest; None where those of before stay."""


_TOLD = ("created", TIME_KNOWN, *TIMES)
COMPARED = ("id", "store", "reason", *_TOLD, "archive", ITEM)
"""The columns by which it is told whether anything has to be done."""


def is_current(
    parts: Iterable[pa.Table],
    records: Mapping[str, SceneRecord],
    withdrawn: Set[str],
    context: PublishContext,
    *,
    stac: bool | None = None,
) -> bool:
    """Whether :func:`updated` would return a catalogue as it is.

    parts: its rows, a part at a time, with the columns of COMPARED. stac: whether they must all have an
    Item, or none; None: that is all the same.
    """
    current = _Current(RecordColumns.of(records), withdrawn, context.times)
    for part in parts:
        if not current.holds(part).all():
            return False
        if stac is not None and part[ITEM].null_count != (0 if stac else part.num_rows):
            return False
        if context.archive is not None and not _archives(part, context).equals(part["archive"]):
            return False
    return not len(current.missing())


def updated(
    store: Store,
    before: pa.Table,
    records: Mapping[str, SceneRecord],
    withdrawn: Set[str],
    context: PublishContext,
) -> pa.Table:
    """Return a catalogue brought up to date: rows that still hold are taken over, the others made anew.

    Where a scene was taken at another time than its row says, that is laid on it; nothing is opened for it.
    A mosaic whose store is gone or not complete is left out with a warning.
    """
    current = _Current(RecordColumns.of(records), withdrawn, context.times)
    before = current.timed(before)
    holds = current.holds(before)
    # Of a million rows that all hold, no copy is made.
    table = before if holds.all() else before.filter(pa.array(holds, pa.bool_()))
    missing = current.missing()
    if len(missing):
        fresh = _fresh_tables(store, map(records.__getitem__, missing), context)
        table = pa.concat_tables([table, *fresh]).sort_by("id").combine_chunks()
    if context.archive is not None:
        place = table.schema.get_field_index("archive")
        table = table.set_column(place, "archive", _archives(table, context))
    return table.cast(LEAN)


def _archives(table: pa.Table, context: PublishContext) -> pa.ChunkedArray:
    """Return for each row the archive that listed its scene last."""
    listed = pa.array(is_among(texts_of(table["id"]), context.listed), pa.bool_())
    archives = table["archive"].combine_chunks()
    return pa.chunked_array([pc.if_else(listed, pa.scalar(context.archive, pa.string()), archives)])


class _Current:
    """The mosaics that a catalogue has to show, by what the ledger says of them."""

    def __init__(self, records: RecordColumns, withdrawn: Set[str], times: Mapping[str, TimeSpan]) -> None:
        self._records, self._ids = records, TextSet(records.ids)
        self._times = rows.TakenTimes(times)
        self._is_wanted = (records.stores.lengths() > 0) & ~is_among(records.ids, withdrawn)

    def holds(self, table: pa.Table) -> Mask:
        """Say for each row of a catalogue whether it says of its scene what the ledger does."""
        ids = texts_of(table["id"])
        rows = self._ids.rows(ids)
        there = np.flatnonzero(rows >= 0)
        there = there[self._is_wanted[rows[there]]]
        here = rows[there]
        says = same(texts_of(table["store"]).take(there), self._records.stores.take(here))
        says &= _same_reasons(table["reason"].take(there), self._records, here)
        says &= _same_times(table["created"].take(there), self._records, here)
        found = np.zeros(table.num_rows, np.bool_)
        found[there[says]] = True
        found[self._times.others(table)[0]] = False
        self._is_wanted[rows[found]] = False
        return found

    def timed(self, table: pa.Table) -> pa.Table:
        """Return rows with the times of their scenes."""
        return self._times.laid_on(table)

    def missing(self) -> Texts:
        """Return the scenes whose mosaics no row so far shows as they are."""
        return self._records.ids.take(self._is_wanted)


def _same_reasons(said: pa.ChunkedArray, records: RecordColumns, here: Rows) -> Mask:
    is_said, is_recorded = said.is_valid().to_numpy(), records.has_reason[here]
    found: Mask = is_said == is_recorded
    for row in np.flatnonzero(is_said & is_recorded).tolist():
        found[row] = said[row].as_py() == _shown(records.reasons[int(here[row])])
    return found


def _same_times(created: pa.ChunkedArray, records: RecordColumns, here: Rows) -> Mask:
    """Say whether mosaics are of the time of their records; that of one in quarantine is of the attempt."""
    said = created.cast(pa.int64()).fill_null(rows.NO_TIME).to_numpy()
    finished_at = map(rows.instant, records.finished_at.take(here))
    finished = np.fromiter(map(rows.microseconds, finished_at), np.int64, len(here))
    same_times: Mask = (said == finished) | records.has_reason[here]
    return same_times


def _fresh_tables(
    store: Store, records: Iterator[SceneRecord], context: PublishContext
) -> Iterator[pa.Table]:
    """Yield the rows of mosaics that are new to the catalogue, so many at a time."""
    fresh = _fresh_rows(store, records, context)
    while part := list(islice(fresh, _CONVERTED)):
        yield rows.table_of(part)


def _fresh_rows(
    store: Store, records: Iterator[SceneRecord], context: PublishContext
) -> Iterator[dict[str, Any]]:
    """Yield the rows of mosaics that are new to the catalogue; a mosaic that is no good gives none."""
    with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="catalogue") as pool:
        # In parts: a root may be large, and only so many are held at a time.
        while part := list(islice(records, _OPENED)):
            opened = pool.map(partial(_open, store, context), part)
            for record, (current, shown) in zip(part, opened, strict=True):
                if isinstance(shown, Exception):
                    why = f"{type(shown).__name__}: {shown}"
                    log.warning("%s is left out of the catalogue: %s: %s", record.scene_id, record.store, why)
                else:
                    row = rows.row(current, shown, context.times.get(record.scene_id))
                    yield row | {"archive": _archive_of(shown, context)}


def _archive_of(shown: Shown, context: PublishContext) -> str | None:
    """Return the archive that a scene was of that no catalogue named before, by where it lies.

    A run that was killed before it published, and a scene that was gone then: it never was listed by a run
    that ended, and would be withdrawn by none.
    """
    is_below = any(shown.source.startswith(f"{place}/") for place in context.places)
    return context.archive if is_below else None


def _open(store: Store, context: PublishContext, record: SceneRecord) -> tuple[Current, Shown | Exception]:
    """Return what is current of a scene, and what is shown of it, by its record or else its mosaic."""
    name, ledger = record.store or "", ObjectLedger(store)
    completed = (record.reason and ledger.finished_mosaic(name)) or record
    current = Current(completed, name, QUARANTINED if record.reason else DONE, _shown(record.reason))
    try:
        kept = context.shown.get(record.scene_id) or ledger.shown(record)
        if kept is not None:
            with suppress(*NOT_SHOWN):
                return current, Shown.from_json(kept)
        root = json.loads(store.read(f"{name}/{mosaics.ROOT}"))["attributes"]
        if not mosaics.is_complete(root):
            raise ValueError("it is not complete")
        return current, shown_of(root, FootprintMaker())
    except FileNotFoundError:
        return current, ValueError("it is gone")
    except NOT_SHOWN as error:
        return current, error


def _shown(reason: str | None) -> str | None:
    return None if reason is None else redact_uri(reason)
