"""The objects of an output: a part a current mosaic, made where it is missing, and a file of all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.fingerprint import digest
from sgddiff_batch.core.generations import Generation, ObjectsFile
from sgddiff_batch.core.object_settings import LEAST_IOU, ObjectSettings
from sgddiff_batch.core.words import counted, first_of, on_one_line, redact_uri
from sgddiff_batch.errors import is_unforeseen
from sgddiff_batch.io.catalogue import OBJECTS, TIME_KNOWN, draw_objects, read_pointer
from sgddiff_batch.io.mosaics import DamagedObjectError
from sgddiff_batch.io.objects.drawing import part_of
from sgddiff_batch.io.objects.generation import MosaicRow, TakenRows, read_mosaics, still_holding, write_files
from sgddiff_batch.io.objects.geoparquet import ObjectFile, decode
from sgddiff_batch.io.objects.id_ledger import IdLedger
from sgddiff_batch.io.objects.id_state import SceneKey
from sgddiff_batch.io.objects.lasting import LastingIds, content_of, lasting_ids, timed
from sgddiff_batch.io.objects.parts import FORMAT, PARTS, part_key
from sgddiff_batch.io.storage import Store, open_store

log = logging.getLogger(__name__)

MOST_DRAWN_PX = 2 * 10**9
"""So many pixels of mosaics without a part publishing draws at most: two minutes of two cores, about."""

_TOGETHER = 2
"""Mosaics that are worked on at once: each takes the memory of a block and of its open regions."""
_HELD = 16
_ASKED_ONE_BY_ONE = 64


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
    """A current mosaic whose objects could not be had: ``is_damaged``, removed meanwhile, or ``is_undrawn``.

    The last one is one of which drawing itself failed; it is tried again each time.
    """

    scene_id: str
    store: str
    reason: str
    is_damaged: bool
    is_undrawn: bool = False


@dataclass(frozen=True, slots=True)
class OutputObjects:
    """The objects of an output: those of each current mosaic, sorted by scene id, and ``uri``, their file."""

    uri: str
    settings: ObjectSettings
    mosaics: tuple[MosaicObjects, ...]
    left_out: tuple[LeftOut, ...]


def find_objects(output_uri: str, settings: ObjectSettings, least_iou: float = LEAST_IOU) -> OutputObjects:
    """Make the missing parts of the current mosaics of an output, and the file of all of their objects.

    Objects that were not there before are matched with those that were, and have their ids where they overlap
    by ``least_iou`` (above 0, at most 1) and more. Mosaics and ledger are only read, and of the catalogue
    which objects its current generation has is changed, so that a run may be at work. Whoever does the same
    at once writes the same parts, and of ids one is first.

    Raises:
        FileNotFoundError: if no run has published there.
        FatalError: if the catalogue, or what is known of ids, is damaged.
        ConfigError, RetryableError: as the store does.
    """
    store = open_store(output_uri)
    if read_pointer(store) is None:
        raise FileNotFoundError(
            f"{store.uri!r} has no catalogue: give the output.uri of a run that has published"
        )
    maker = ObjectsMaker(store, settings, least_iou, anew=True)
    draw_objects(store, maker)
    told = [row for row in maker.mosaics if row.reason is None]
    mosaics = (
        MosaicObjects(
            *(row.scene_id, row.store, row.objects, row.pixels, row.area_m2),
            *(part_key(row.store, settings), row.store in maker.made),
        )
        for row in told
    )
    left_out = (
        LeftOut(row.scene_id, row.store, row.reason, row.is_damaged, row.store in maker.undrawn)
        for row in maker.mosaics
        if row.reason
    )
    return OutputObjects(store.uri_of(OBJECTS), settings, tuple(mosaics), tuple(left_out))


@dataclass
class ObjectsMaker:
    """Makes the objects of generations; implements what :func:`sgddiff_batch.io.catalogue.publish` takes.

    ``anew``: all parts are read, and none of the rows of before are taken. ``most_px``: of mosaics without a
    part no more are drawn; where there are more, the objects stay those of before, and somebody is told.
    ``mosaics``, the paths of those whose part was ``made``, and why others, by path, are ``undrawn``, are
    those of the last generation.
    """

    store: Store
    settings: ObjectSettings
    least_iou: float = LEAST_IOU
    most_px: int | None = None
    anew: bool = False
    mosaics: list[MosaicRow] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    undrawn: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(
        default_factory=lambda: [
            *("id", "store", "start_datetime", "created", TIME_KNOWN, "proj:code", "proj:wkt2"),
            *("height_px", "width_px"),
        ]
    )

    @property
    def key(self) -> str:
        """The digest of what objects are drawn and matched by."""
        return digest([FORMAT, self.settings.to_json(), self.least_iou])[:12]

    def is_made(self, generation: Generation) -> bool:
        """Say whether a generation has the objects that this makes, and their files are there."""
        found = generation.objects
        if self.anew or found is None or (found.settings, found.made_of) != (self.key, generation.digest):
            return False
        return found.is_there(self.store.stat)

    def make(self, rows: pa.Table, made_of: str, before: ObjectsFile | None) -> ObjectsFile | None:
        """Make the objects of a generation, and of what is there of before take what still holds.

        Raises:
            FatalError: if what is known of ids is damaged.
            ConfigError, RetryableError: as the store does.
        """
        wanted = [_mosaic_of(row) for row in rows.to_pylist()]
        former = self._former(before)
        kept = still_holding(former, wanted)
        new = [row for row in wanted if row.store not in kept]
        if self._is_too_much(rows, new):
            return None
        self.mosaics, self.made, self.undrawn = [], set(), {}
        parts = {row.store: (row, key) for row, key in self._drawn(new)}
        self._tell_undrawn()
        self.mosaics = [kept.get(row.store) or parts[row.store][0] for row in wanted]
        if before is not None and former == self.mosaics and before.is_there(self.store.stat):
            return replace(before, made_of=self._whole(made_of))
        try:
            taken = TakenRows(self.store, before, former) if kept else None
        except (FileNotFoundError, ValueError) as error:
            log.warning("the objects are put together anew of their parts: %s", error)
            return self.make(rows, made_of, None)
        told = [(key, part_key(row.store, self.settings), row.objects) for row, key in parts.values() if key]
        ledger = IdLedger(self.store, self.settings, self.least_iou)
        data = self._file(_crss_of(rows), lasting_ids(ledger, self.store, told), taken)
        files = write_files(self.store, data, self.mosaics, (self.key, made_of), before)
        return replace(files, made_of=self._whole(made_of))

    def _whole(self, made_of: str) -> str:
        """Return which generation objects are of: none where some failed, or no later run would try again."""
        return "" if self.undrawn else made_of

    def _former(self, before: ObjectsFile | None) -> list[MosaicRow]:
        """Return the mosaics of before whose rows may be taken, none where they cannot."""
        if before is None or self.anew or before.settings != self.key:
            return []
        try:
            return read_mosaics(self.store, before)
        except (FileNotFoundError, ValueError) as error:
            log.warning("the objects are put together anew of their parts: %s", error)
            return []

    def _is_too_much(self, rows: pa.Table, new: Sequence[MosaicRow]) -> bool:
        """Say whether more has to be drawn than may be, and tell somebody."""
        if self.most_px is None:
            return False
        keys = {row.store: part_key(row.store, self.settings) for row in new}
        if len(new) <= _ASKED_ONE_BY_ONE:
            missing = {name for name, key in keys.items() if self.store.stat(key) is None}
        else:
            there = self.store.listed(PARTS)
            missing = {name for name, key in keys.items() if key not in there}
        sizes = zip(*(rows[name].to_pylist() for name in ("store", "height_px", "width_px")), strict=True)
        pixels = sum(height * width for name, height, width in sizes if name in missing)
        if pixels <= self.most_px:
            return False
        log.warning(
            "%s no objects yet, %.3g gigapixels, which is more than a run draws at its end: the objects stay "
            "as they are until `sgddiff objects --config ...` has drawn these, once",
            counted(len(missing), "mosaic", "have"),
            pixels / 1e9,
        )
        return True

    def _drawn(self, rows: Sequence[MosaicRow]) -> Iterator[tuple[MosaicRow, SceneKey | None]]:
        """Yield mosaics in their order, with their objects counted, and their keys: None of one left out."""
        waiting = iter(rows)
        with ThreadPoolExecutor(_TOGETHER, thread_name_prefix="objects") as pool:
            # So many at a time: their rows are held until their turn comes.
            while some := list(islice(waiting, _HELD)):
                for row, (found, is_new) in zip(some, pool.map(self._part, some), strict=True):
                    if isinstance(found, Exception):
                        yield self._left_out(row, found), None
                        continue
                    if is_new:
                        self.made.add(row.store)
                    yield _counted(row, found), _key_of(row, found)

    def _part(self, row: MosaicRow) -> tuple[pa.Table | Exception, bool]:
        try:
            return part_of(self.store, row.store, row.scene_id, row.completed, self.settings)
        except (DamagedObjectError, FileNotFoundError) as error:
            return error, False
        except Exception as error:
            if not is_unforeseen(error):
                raise
            log.debug("%s could not be drawn", row.store, exc_info=True)
            return error, False

    def _left_out(self, row: MosaicRow, error: Exception) -> MosaicRow:
        is_damaged, is_gone = (isinstance(error, one) for one in (DamagedObjectError, FileNotFoundError))
        if is_damaged or is_gone:
            reason = redact_uri(on_one_line(error)) if is_damaged else "it was removed meanwhile"
            log.warning("%s is left out of the objects: %s", row.scene_id, reason)
            return replace(row, reason=reason, is_damaged=is_damaged)
        reason = redact_uri(f"{type(error).__name__}: {on_one_line(error)}")
        self.undrawn[row.store] = reason
        return replace(row, reason=reason)

    def _tell_undrawn(self) -> None:
        if self.undrawn:
            log.warning(
                "%s left out of the objects, for drawing them failed; the next run, or `sgddiff objects`, "
                "tries again: %s",
                counted(len(self.undrawn), "mosaic", "are"),
                first_of([f"{store} ({reason})" for store, reason in self.undrawn.items()]),
            )

    def _file(self, crss: Sequence[str | None], lasting: LastingIds, taken: TakenRows | None) -> bytes:
        """Return the file of all objects, put together mosaic by mosaic."""
        file = ObjectFile(next(iter(crss), None), several=len(crss) > 1)
        for row in self.mosaics:
            if row.reason is not None or not row.objects:
                continue
            if row.store in lasting.keys:
                part, _ = decode(self.store.read(part_key(row.store, self.settings)))
                file.add(lasting.laid_on(part, row.store, row.time))
            elif taken is not None:
                file.add(lasting.as_now(timed(taken.rows_of(row), row.time)))
        about = {"format": FORMAT, "settings": self.settings.to_json(), "match_iou": self.least_iou}
        return file.finish(about)


def _mosaic_of(row: Mapping[str, Any]) -> MosaicRow:
    time = row["start_datetime"] if row[TIME_KNOWN] else None
    return MosaicRow(row["id"], row["store"], time, row["created"])


def _crss_of(rows: pa.Table) -> list[str | None]:
    """Return the CRSs of mosaics, as rows of objects name them."""
    return list(pc.coalesce(rows["proj:code"], rows["proj:wkt2"]).unique().to_pylist())


def _key_of(row: MosaicRow, part: pa.Table) -> SceneKey:
    time = None if row.time is None else row.time.isoformat()
    return SceneKey(time, row.scene_id, row.store, content_of(part))


def _counted(row: MosaicRow, part: pa.Table) -> MosaicRow:
    pixels, area_m2 = pc.sum(part["pixels"]).as_py() or 0, pc.sum(part["area_m2"]).as_py()
    return replace(row, objects=part.num_rows, pixels=pixels, area_m2=area_m2)
