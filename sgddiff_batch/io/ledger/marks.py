"""The ledger as small JSON objects beside the mosaics, below ``_ledger/``.

scenes/<scene id>~.json          what is current for a scene: its mosaic, or why it is in quarantine
mosaics/<store>~.json            every mosaic that was ever committed, and what it held then: the digests of
                                 its blocks and of its metadata
digests/<store>~.json            the same digests, as they were kept before: beside the record
blocks/<store>/<task>~.json      blocks stored so far of a mosaic of several tasks that is not committed yet
reading/<scene id>/<what>~.json  not written any more: a process was reading there, or died while it did
withdrawn/<scene id>~.json       the scene left the archive; its mosaic is current again if it comes back
untold/<scene id>~.json          in quarantine, and no run that ended has told of it yet by its exit code
damaged/<scene id>~.json         bytes of a record that was damaged, and rebuilt by a run
index/<kind>~                    the objects of a kind as one, which saves reading each; they are the truth
redo/<scene id>~.json            the next run works on the scene again, see redo.py
rate~.json                       how fast the last run that computed anything was
lattice~.json                    of an area: the cells and periods that it was begun with
left-out~.json                   of an area: the scenes left out of which a run has told, by its exit code
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.record_columns import RecordsBuilder
from sgddiff_batch.core.store_names import id_of
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.ledger import processes
from sgddiff_batch.io.ledger.contents import contents_row, kept_contents, parse_blocks, parse_contents
from sgddiff_batch.io.ledger.damage import DamagedRecord, DamagedRecordError, OnDamage, damaged, log_damage
from sgddiff_batch.io.ledger.index import indexed_parts, read_indexed
from sgddiff_batch.io.ledger.parsing import fields_of, parse_record
from sgddiff_batch.io.ledger.record_table import RecordTable
from sgddiff_batch.io.storage import Store
from sgddiff_batch.io.together import together
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord

LEDGER = "_ledger"
_REQUESTS = 16
_SUFFIX = "~.json"
"""No part of a scene id ends so: the objects of one scene are never folders of another's."""

_SHOWN = "shown"
"""The key of a scene's record that says what the catalogue shows of its mosaic."""

_POOL = ThreadPoolExecutor(_REQUESTS, thread_name_prefix="ledger")


@dataclass(frozen=True, slots=True)
class ObjectLedger:
    """Implements :class:`sgddiff_batch.protocols.Ledger`; every mark is one object of its own.

    ``on_damage`` takes note of damaged records that are gone round.
    """

    store: Store
    on_damage: OnDamage = log_damage

    def records(self) -> RecordTable:
        """Return the record of every scene that was ever finished, by scene id."""
        return read_records(self.store)

    def record(self, scene_id: str) -> SceneRecord | None:
        """Return the record of one scene, or None."""
        return self._record(_key("scenes", scene_id))

    def finished_mosaic(self, path: str) -> SceneRecord | None:
        """Return the record with which a store was once committed, or None; also where that is damaged.

        None, too, for a mosaic that was found damaged and has been replaced.
        """
        key = _key("mosaics", path)
        try:
            record = self._record(key) or self._current(path)
            return record if record and record.reason is None else None
        except DamagedRecordError as error:
            self._damaged(key, id_of(path), error, "its mosaic is taken for one never finished")
            return None

    def contents(self, path: str) -> MosaicContents | None:
        """Return what a mosaic held when it was committed; None if that was before digests were kept."""
        for key in (_key("mosaics", path), _key("digests", path)):
            with suppress(FileNotFoundError):
                contents = parse_contents(key, self.store.read(key))
                if contents is not None:
                    return contents
        return None

    def finished_blocks(self, path: str) -> list[BlockRecord]:
        """Return the marked blocks of a store, each once; those of a damaged mark are not among them."""
        records: dict[Window, BlockRecord] = {}
        for key, data in self.store.read_all(f"{LEDGER}/blocks/{path}").items():
            try:
                records.update((record.window, record) for record in parse_blocks(key, data))
            except DamagedRecordError as error:
                self._damaged(key, id_of(path), error, "its blocks are computed again")
        return list(records.values())

    def forget_blocks(self, path: str) -> None:
        """Drop the marks of a store's blocks."""
        self.store.delete_tree(f"{LEDGER}/blocks/{path}")

    def mark_blocks(self, mosaic: Mosaic, window: Window, blocks: Iterable[BlockRecord]) -> None:
        """Mark the stored blocks of a task, with one object."""
        rows = [asdict(block) for block in blocks]
        self._write(_key("blocks", f"{mosaic.path}/{window.name}"), rows)

    def deaths(self) -> set[str]:
        """Return the ids of scenes that a process of a former version was reading when it died."""
        prefix = f"{LEDGER}/reading"
        marks = self.store.read_all(prefix)
        dead = (key for key, data in marks.items() if not processes.is_alive(data))
        return {key.removeprefix(f"{prefix}/").rpartition("/")[0] for key in dead}

    def forget_deaths(self, scene_id: str) -> None:
        """Drop the marks of :meth:`deaths` of a scene."""
        self.store.delete_tree(f"{LEDGER}/reading/{scene_id}")

    def shown(self, record: SceneRecord) -> Mapping[str, object] | None:
        """Return what the catalogue shows of the mosaic of a scene's record.

        None where it does not say, or the scene has another record by now.
        """
        key = _key("scenes", record.scene_id)
        try:
            data = self.store.read(key)
            if parse_record(key, data) != record:
                return None
        except (FileNotFoundError, DamagedRecordError):
            return None
        shown = json.loads(data).get(_SHOWN)
        return shown if isinstance(shown, dict) else None

    def finish(
        self,
        record: SceneRecord,
        contents: MosaicContents | None = None,
        shown: Mapping[str, object] | None = None,
    ) -> None:
        """Record a scene as done or in quarantine.

        contents: those of the mosaic that was committed just now; None keeps what is known of it. shown: what
        the catalogue shows of it.
        """
        if record.reason is not None:
            self._write(_key("untold", record.scene_id), {"scene_id": record.scene_id})
        row = asdict(record)
        told = {} if shown is None else {_SHOWN: dict(shown)}
        objects: dict[str, object] = {_key("scenes", record.scene_id): row | told}
        if record.reason is None and record.store is not None:
            key = _key("mosaics", record.store)
            objects[key] = row | (self._kept_contents(key) if contents is None else contents_row(contents))
        # Together: of a mosaic that is current, the scene's record alone says that it was finished.
        together(_POOL, lambda key: self._write(key, objects[key]), objects)

    def _kept_contents(self, key: str) -> dict[str, object]:
        try:
            return kept_contents(self.store.read(key))
        except FileNotFoundError:
            return {}

    def withdrawn(self, *, index: bool = False) -> dict[str, str]:
        """Return the scenes that left the archive, and when that was seen (ISO 8601 in UTC), by scene id.

        A damaged mark counts: its name says which scene it is of, and the store when it was written. With
        ``index`` the index of the marks is kept up to date, which only who holds the lease may do.
        """
        found: dict[str, str] = {}
        marks = read_indexed(self.store, f"{LEDGER}/withdrawn", index_of("withdrawn"), write=index)
        for key, data in marks.items():
            scene_id = _name_of("withdrawn", key)
            try:
                found[scene_id] = _withdrawal(key, data)
            except DamagedRecordError as error:
                found[scene_id] = self._written_at(key)
                self._damaged(key, scene_id, error, f"its scene counts as withdrawn on {found[scene_id]}")
        return found

    def _written_at(self, key: str) -> str:
        mark = self.store.listed(key.rpartition("/")[0]).get(key)
        written = datetime.fromtimestamp(mark.changed_s, UTC) if mark else datetime.now(UTC)
        return written.isoformat(timespec="seconds")

    def withdraw(self, scene_id: str, at: str) -> None:
        """Mark that a scene left the archive; its record and its mosaic stay."""
        self._write(_key("withdrawn", scene_id), {"scene_id": scene_id, "at": at})

    def restore(self, scene_id: str) -> None:
        """Take the mark of :meth:`withdraw` back."""
        self.store.delete(_key("withdrawn", scene_id))

    def names(self, kind: str) -> list[str]:
        """Return what has an object of a kind ("mosaics", "withdrawn"): the names, sorted."""
        keys = self.store.keys(f"{LEDGER}/{kind}")
        return [_name_of(kind, key) for key in keys if key.endswith(_SUFFIX)]

    def told_of(self, scene_ids: Iterable[str]) -> None:
        """Note that a run told by its exit code that these scenes are in quarantine."""
        keys = [_key("untold", scene_id) for scene_id in scene_ids]
        together(_POOL, self.store.delete, keys)

    def disowned(self, paths: Iterable[str]) -> set[str]:
        """Return those of some paths that no mosaic may be made current in: damaged, or their record is."""
        names = {_key("mosaics", path): path for path in paths}
        found: set[str] = set()
        for key, data in self.store.read_many(list(names)).items():
            try:
                if parse_record(key, data).reason is None:
                    continue
            except DamagedRecordError as error:
                self._damaged(key, id_of(names[key]), error, "its mosaic is taken for one never finished")
            found.add(names[key])
        return found

    def disown_mosaic(self, path: str, reason: str) -> None:
        """Note that a mosaic must never be current again; its objects are garbage once nobody names them."""
        key, row = _key("mosaics", path), asdict(SceneRecord(id_of(path), "", "", path, reason))
        self._write(key, row | self._kept_contents(key))

    def forget_mosaic(self, path: str) -> None:
        """Drop all marks of a store, so that no run takes it for finished. Its objects may go then."""
        self.store.delete(_key("digests", path))
        self.store.delete(_key("mosaics", path))
        self.forget_blocks(path)

    def forget_scene(self, scene_id: str) -> None:
        """Drop the record of a scene that left the archive, and its marks of reading; not of its mosaics."""
        self.store.delete(_key("scenes", scene_id))
        self.store.delete(_key("untold", scene_id))
        self.store.delete_tree(f"{LEDGER}/reading/{scene_id}")

    def _current(self, path: str) -> SceneRecord | None:
        """Return the record of the scene whose current mosaic this is: a kill may have left it alone."""
        record = self._record(_key("scenes", id_of(path)))
        return record if record and record.store == path else None

    def _record(self, key: str) -> SceneRecord | None:
        try:
            return parse_record(key, self.store.read(key))
        except FileNotFoundError:
            return None

    def _damaged(self, key: str, scene_id: str, error: Exception, remedy: str) -> None:
        self.on_damage(DamagedRecord(key, scene_id, str(error), remedy))

    def _write(self, key: str, value: object) -> None:
        self.store.write(key, json.dumps(value, separators=(",", ":")).encode())


def read_records(store: Store) -> RecordTable:
    """Return the record of every scene of an output, by scene id.

    Raises:
        DamagedRecordError: if one of them is damaged.
    """
    records = RecordsBuilder()
    for keys, contents in indexed_parts(store, f"{LEDGER}/scenes", index_of("scenes"), write=False):
        for key, data in zip(keys, contents, strict=True):
            records.append(*fields_of(key, data))
    return RecordTable(records.columns())


def index_of(kind: str) -> str:
    """Return the key of the index of all objects of a kind."""
    return f"{LEDGER}/index/{kind}~"


def scene_id_of(key: str) -> str:
    """Return the scene of the key of a scene's record."""
    return _name_of("scenes", key)


def _key(kind: str, name: str) -> str:
    return f"{LEDGER}/{kind}/{name}{_SUFFIX}"


def _name_of(kind: str, key: str) -> str:
    return key.removeprefix(f"{LEDGER}/{kind}/").removesuffix(_SUFFIX)


def _withdrawal(key: str, data: bytes) -> str:
    try:
        at = json.loads(data)["at"]
        datetime.fromisoformat(at)
        return str(at)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged(key, error) from None
