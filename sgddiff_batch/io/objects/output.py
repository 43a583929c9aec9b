"""The objects of an output: a part a current mosaic, made where it is missing, and one file of all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.words import redact_uri
from sgddiff_batch.io.catalogue import TIME_KNOWN, read_catalogue
from sgddiff_batch.io.mosaics import ROOT, DamagedObjectError, is_complete, is_emptied, parse_stored
from sgddiff_batch.io.objects.geoparquet import DamagedFileError, ObjectFile, decode
from sgddiff_batch.io.objects.id_state import SceneKey
from sgddiff_batch.io.objects.lasting import LEAST_IOU, lasting_ids
from sgddiff_batch.io.objects.parts import FORMAT, about_part, make_part, part_key
from sgddiff_batch.io.storage import Store, open_store

log = logging.getLogger(__name__)

OBJECTS = "objects.parquet"
"""Key of the file of all objects, below the output."""

_TOGETHER = 2
"""Mosaics that are worked on at once: each takes the memory of a block and of its open regions."""
_HELD = 16
_COLUMNS = ["id", "store", "start_datetime", "created", TIME_KNOWN, "proj:code", "proj:wkt2"]


@dataclass(frozen=True, slots=True)
class MosaicObjects:
    """The objects of a mosaic: how many, their pixels and square metres (None: no CRS), and their part.

    ``is_new``: the part was made just now. ``store`` and ``part`` are paths below the output.
    """

    scene_id: str
    store: str
    objects: int
    pixels: int
    area_m2: float | None
    part: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A current mosaic whose objects could not be had: ``is_damaged``, or removed meanwhile."""

    scene_id: str
    store: str
    reason: str
    is_damaged: bool


@dataclass(frozen=True, slots=True)
class OutputObjects:
    """The objects of an output: those of each current mosaic, sorted by scene id, and ``uri``, their file."""

    uri: str
    settings: ObjectSettings
    mosaics: tuple[MosaicObjects, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the catalogue: a current mosaic, its scene taken at ``time``, ``completed`` then."""

    scene_id: str
    store: str
    time: datetime | None
    completed: datetime | None
    crs: str | None


_Found = tuple[_Row, pa.Table | LeftOut, bool]


def find_objects(output_uri: str, settings: ObjectSettings, least_iou: float = LEAST_IOU) -> OutputObjects:
    """Make the missing parts of the current mosaics of an output, and the file of all of their objects.

    Objects that were not there before are matched with those that were, and have their ids where they overlap
    by ``least_iou`` (above 0, at most 1) and more. Mosaics, ledger and catalogue are only read, so that a run
    may be at work. Whoever does the same at once writes the same parts, and of ids one is first.

    Raises:
        FileNotFoundError: if no run has published there.
        FatalError: if the catalogue, or what is known of ids, is damaged.
        ConfigError, RetryableError: as the store does.
    """
    store = open_store(output_uri)
    rows, told, left_out = _rows(store), [], []
    for row, found, is_new in _parts(store, rows, settings):
        if isinstance(found, LeftOut):
            log.warning("%s is left out of the objects: %s", row.scene_id, found.reason)
            left_out.append(found)
        else:
            told.append((row, _told(row, found, settings, is_new=is_new)))
    lasting = lasting_ids(store, settings, least_iou, {_key(row): one.part for row, one in told})
    crss = {row.crs for row in rows}
    about = {"format": FORMAT, "settings": settings.to_json(), "match_iou": least_iou}
    file = ObjectFile(about, next(iter(crss), None), several=len(crss) > 1)
    for _, one in told:
        file.add(lasting.laid_on(decode(store.read(one.part))[0]))
    store.write(OBJECTS, file.finish())
    mosaics = tuple(one for _, one in told)
    return OutputObjects(store.uri_of(OBJECTS), settings, mosaics, tuple(left_out))


def _key(row: _Row) -> SceneKey:
    return SceneKey(None if row.time is None else row.time.isoformat(), row.scene_id, row.store)


def _rows(store: Store) -> list[_Row]:
    table = read_catalogue(store, columns=_COLUMNS)
    if table is None:
        raise FileNotFoundError(
            f"{store.uri!r} has no catalogue: give the output.uri of a run that has published"
        )
    return [_row(row) for row in table.to_pylist()]


def _row(row: dict[str, Any]) -> _Row:
    time = row["start_datetime"] if row[TIME_KNOWN] else None
    return _Row(row["id"], row["store"], time, row["created"], row["proj:code"] or row["proj:wkt2"])


def _parts(store: Store, rows: list[_Row], settings: ObjectSettings) -> Iterator[_Found]:
    """Yield the mosaics in their order, each with its rows, and whether its part is new."""
    waiting = iter(rows)
    with ThreadPoolExecutor(_TOGETHER, thread_name_prefix="objects") as pool:
        # So many at a time: their rows are held until their turn comes.
        while some := list(islice(waiting, _HELD)):
            yield from pool.map(lambda row: _part(store, row, settings), some)


def _part(store: Store, row: _Row, settings: ObjectSettings) -> _Found:
    key = part_key(row.store, settings)
    wanted = about_part(row.store, row.scene_id, row.time, settings, row.completed)
    try:
        table, about = decode(store.read(key))
        if about == wanted:
            return row, table, False
    except FileNotFoundError:
        pass
    except DamagedFileError as error:
        log.warning("%s is made anew: %s", key, error)
    try:
        data = _made(store, row, settings)
    except (DamagedObjectError, FileNotFoundError) as error:
        is_damaged = isinstance(error, DamagedObjectError)
        reason = redact_uri(str(error)) if is_damaged else "it was removed meanwhile"
        return row, LeftOut(row.scene_id, row.store, reason, is_damaged), False
    store.write(key, data)
    return row, decode(data)[0], True


def _made(store: Store, row: _Row, settings: ObjectSettings) -> bytes:
    """Return the part of a mosaic; FileNotFoundError if that is, or is being, removed meanwhile."""
    mosaic = open_store(store.uri_of(row.store))
    root = mosaic.read(ROOT)
    if is_emptied(root):
        raise FileNotFoundError(row.store)
    found: bytes | DamagedObjectError
    try:
        found = _drawn(mosaic, root, row, settings)
    except DamagedObjectError as error:
        found = error
    # What removes a mosaic takes its root first: what read as lost, or as no data, may have been gone.
    if mosaic.read(ROOT) != root:
        raise FileNotFoundError(row.store)
    if isinstance(found, DamagedObjectError):
        raise found
    return found


def _drawn(store: Store, root: bytes, row: _Row, settings: ObjectSettings) -> bytes:
    mosaic = parse_stored(store, row.store, root)
    if not is_complete(mosaic.attributes):
        raise DamagedObjectError("it is not complete")
    return make_part(mosaic, row.store, row.time, settings, row.completed)


def _told(row: _Row, table: pa.Table, settings: ObjectSettings, *, is_new: bool) -> MosaicObjects:
    area_m2 = pc.sum(table["area_m2"]).as_py()
    pixels = pc.sum(table["pixels"]).as_py() or 0
    key = part_key(row.store, settings)
    return MosaicObjects(row.scene_id, row.store, table.num_rows, pixels, area_m2, key, is_new)
