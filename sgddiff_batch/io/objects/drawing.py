"""Drawing: the part of a mosaic, made by the worker that commits it, or later, of what is stored."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.io.catalogue import instant
from sgddiff_batch.io.mosaics import ROOT, DamagedObjectError, is_complete, is_emptied, parse_stored
from sgddiff_batch.io.objects.geoparquet import DamagedFileError, decode
from sgddiff_batch.io.objects.parts import PartDrawing, is_part_of, make_part, part_key
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.protocols import SceneRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartDrawer:
    """Draws parts; implements :class:`sgddiff_batch.lifecycle.Parts`, safe in several threads.

    ``store`` is the output, fenced where a run writes to it.
    """

    store: Store
    settings: ObjectSettings

    def drawn(self, mosaic: Mosaic, root: bytes, codes: NDArray[np.uint8]) -> PartDrawing:
        """Return the part of a mosaic of which all codes (h, w) are at hand; nothing is read or put.

        root: the one that was put, complete or not.
        """
        own = parse_stored(open_store(self.store.uri_of(mosaic.path)), mosaic.path, root)
        drawing = PartDrawing(own, self.settings)
        for window in mosaic.blocks():
            drawing.add(window, codes[window.slices])
        return drawing

    def put(self, record: SceneRecord, root: str, drawn: object = None) -> None:
        """Put the part of a complete mosaic: the one drawn, or else, unless it is there, of what is stored.

        root: the digest of the mosaic's root. A damaged block leaves the mosaic without a part: publishing
        tells of it.

        Raises:
            ConfigError, RetryableError: as the store does.
        """
        assert record.store is not None, "a mosaic that is stored"
        completed, key = instant(record.finished_at), part_key(record.store, self.settings)
        if isinstance(drawn, PartDrawing):
            self.store.write(key, drawn.finish(completed, root))
        elif not self._is_there(key, record, root):
            own = open_store(self.store.uri_of(record.store))
            try:
                part = make_part(parse_stored(own, record.store, own.read(ROOT)), self.settings, completed)
            except DamagedObjectError as error:
                log.warning("%s has no objects: %s", record.scene_id, error)
            else:
                self.store.write(key, part)

    def _is_there(self, key: str, record: SceneRecord, root: str) -> bool:
        try:
            about = decode(self.store.read(key))[1]
        except (FileNotFoundError, DamagedFileError):
            return False
        completed, store = instant(record.finished_at), record.store or ""
        found = is_part_of(about, store, record.scene_id, self.settings, completed)
        return found is not False and isinstance(about, dict) and about.get("root") == root


def part_of(
    store: Store, name: str, scene_id: str, completed: datetime | None, settings: ObjectSettings
) -> tuple[pa.Table, bool]:
    """Return the rows of the part of a mosaic, and whether it was made just now, because it was missing.

    name: the mosaic's path below ``store``. completed: when the catalogue says it was.

    Raises:
        DamagedObjectError: if the mosaic is damaged.
        FileNotFoundError: if it is, or is being, removed meanwhile.
        ConfigError, RetryableError: as the store does.
    """
    key = part_key(name, settings)
    try:
        table, about = decode(store.read(key))
        if _is_of(store, name, about, is_part_of(about, name, scene_id, settings, completed)):
            return table, False
    except FileNotFoundError:
        pass
    except DamagedFileError as error:
        log.warning("%s is made anew: %s", key, error)
    data = _made(store, name, completed, settings)
    store.write(key, data)
    return decode(data)[0], True


def _is_of(store: Store, name: str, about: object, found: bool | None) -> bool:
    """Say whether a part is of the mosaic that is there, by its root where nothing else tells."""
    if found is not None or not isinstance(about, dict):
        return bool(found)
    try:
        return bytes_digest(store.read(f"{name}/{ROOT}")) == str(about["root"])
    except FileNotFoundError:
        return False


def _made(store: Store, name: str, completed: datetime | None, settings: ObjectSettings) -> bytes:
    own = open_store(store.uri_of(name))
    root = own.read(ROOT)
    if is_emptied(root):
        raise FileNotFoundError(name)
    found: bytes | DamagedObjectError
    try:
        mosaic = parse_stored(own, name, root)
        if not is_complete(mosaic.attributes):
            raise DamagedObjectError("it is not complete")
        found = make_part(mosaic, settings, completed)
    except DamagedObjectError as error:
        found = error
    # What removes a mosaic takes its root first: what read as lost, or as no data, may have been gone.
    if own.read(ROOT) != root:
        raise FileNotFoundError(name)
    if isinstance(found, DamagedObjectError):
        raise found
    return found
