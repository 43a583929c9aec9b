"""The ledger as small JSON objects beside the mosaics, below ``_ledger/``.

scenes/<scene id>~.json          what is current for a scene: its mosaic, or why it is in quarantine
mosaics/<store>~.json            every mosaic that was ever committed
digests/<store>~.json            what it held then: the digests of its blocks and of its metadata
blocks/<store>/<task>~.json      blocks stored so far of a mosaic that is not committed yet
reading/<scene id>/<what>~.json  a process is reading there now, or died while it did
withdrawn/<scene id>~.json       the scene left the archive; its mosaic is current again if it comes back
damaged/<scene id>~.json         bytes of a record that was damaged, and rebuilt by a run
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass

from sgddiff_batch.core.planning import Task
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io import processes
from sgddiff_batch.io.stores import Store
from sgddiff_batch.protocols import BlockRecord, MosaicContents, SceneRecord

LEDGER = "_ledger"
_SUFFIX = "~.json"
"""No part of a scene id ends so: the objects of one scene are never folders of another's."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("scene_id", "version", "run_key", "finished_at"), (str,)),
    **dict.fromkeys(("store", "reason"), (str, type(None))),
    **dict.fromkeys(("valid_px", "salient_px", "height_px", "width_px"), (int,)),
}
"""The fields of a record."""


@dataclass(frozen=True, slots=True)
class ObjectLedger:
    """Implements :class:`sgddiff_batch.protocols.Ledger`; every mark is one object of its own."""

    store: Store

    def records(self) -> dict[str, SceneRecord]:
        """Return the record of every scene that was ever finished, by scene id."""
        return read_records(self.store)

    def record(self, scene_id: str) -> SceneRecord | None:
        """Return the record of one scene, or None."""
        return self._record(_key("scenes", scene_id))

    def finished_mosaic(self, store: str) -> SceneRecord | None:
        """Return the record with which a store was once committed, or None."""
        return self._record(_key("mosaics", store))

    def contents(self, store: str) -> MosaicContents | None:
        """Return what a mosaic held when it was committed; None if that was before digests were kept."""
        key = _key("digests", store)
        try:
            return _contents(key, self.store.read(key))
        except FileNotFoundError:
            return None

    def finished_blocks(self, store: str) -> list[BlockRecord]:
        """Return the marked blocks of a store, each once."""
        marks = self.store.read_all(f"{LEDGER}/blocks/{store}")
        records = (record for key, data in marks.items() for record in _block_records(key, data))
        return list({record.window: record for record in records}.values())

    def forget_blocks(self, store: str) -> None:
        """Drop the marks of a store's blocks."""
        self.store.delete_tree(f"{LEDGER}/blocks/{store}")

    def mark_blocks(self, task: Task, blocks: Iterable[BlockRecord]) -> None:
        """Mark the stored blocks of a task, with one object."""
        rows = [asdict(block) for block in blocks]
        self._write(_key("blocks", f"{task.mosaic.store}/{task.name}"), rows)

    def reading(self, scene: Scene, what: str) -> None:
        """Mark that this process is about to read from a scene."""
        self._write(_key("reading", f"{scene.scene_id}/{what}"), processes.this_process())

    def read_ended(self, scene: Scene, what: str) -> None:
        """Take the mark of :meth:`reading` back."""
        self.store.delete(_key("reading", f"{scene.scene_id}/{what}"))

    def deaths(self) -> set[str]:
        """Return the ids of scenes with a mark of reading whose process is not known to live."""
        prefix = f"{LEDGER}/reading"
        marks = self.store.read_all(prefix)
        dead = (key for key, data in marks.items() if not processes.is_alive(data))
        return {key.removeprefix(f"{prefix}/").rpartition("/")[0] for key in dead}

    def finish(self, record: SceneRecord, contents: MosaicContents | None = None) -> None:
        """Record a scene as done or in quarantine; then its marks of reading and of blocks go."""
        if record.reason is None and record.store is not None:
            if contents is not None:
                self._write(_key("digests", record.store), _contents_row(contents))
            self._write(_key("mosaics", record.store), asdict(record))
        self._write(_key("scenes", record.scene_id), asdict(record))
        self.store.delete_tree(f"{LEDGER}/reading/{record.scene_id}")
        if record.store is not None:
            self.forget_blocks(record.store)

    def withdrawn(self) -> dict[str, str]:
        """Return the scenes that left the archive, and when that was seen (ISO 8601 in UTC), by scene id."""
        marks = self.store.read_all(f"{LEDGER}/withdrawn")
        return dict(_withdrawal(key, data) for key, data in marks.items())

    def withdraw(self, scene_id: str, at: str) -> None:
        """Mark that a scene left the archive; its record and its mosaic stay."""
        self._write(_key("withdrawn", scene_id), {"scene_id": scene_id, "at": at})

    def restore(self, scene_id: str) -> None:
        """Take the mark of :meth:`withdraw` back."""
        self.store.delete(_key("withdrawn", scene_id))

    def names(self, kind: str) -> list[str]:
        """Return what has an object of a kind ("mosaics", "withdrawn"): the names, sorted."""
        prefix = f"{LEDGER}/{kind}/"
        keys = self.store.keys(prefix.rstrip("/"))
        return [key.removeprefix(prefix).removesuffix(_SUFFIX) for key in keys if key.endswith(_SUFFIX)]

    def forget_mosaic(self, store: str) -> None:
        """Drop all marks of a store, so that no run takes it for finished. Its objects may go then."""
        self.store.delete(_key("digests", store))
        self.store.delete(_key("mosaics", store))
        self.forget_blocks(store)

    def forget_scene(self, scene_id: str) -> None:
        """Drop the record of a scene that left the archive, and its marks of reading; not of its mosaics."""
        self.store.delete(_key("scenes", scene_id))
        self.store.delete_tree(f"{LEDGER}/reading/{scene_id}")

    def _record(self, key: str) -> SceneRecord | None:
        try:
            return parse_record(key, self.store.read(key))
        except FileNotFoundError:
            return None

    def _write(self, key: str, value: object) -> None:
        self.store.write(key, json.dumps(value, separators=(",", ":")).encode())


def read_records(store: Store) -> dict[str, SceneRecord]:
    """Return the record of every scene of an output, by scene id.

    Raises:
        FatalError: if an object of the ledger is damaged.
    """
    found = store.read_all(f"{LEDGER}/scenes")
    records = (parse_record(key, data) for key, data in found.items())
    return {record.scene_id: record for record in records}


def _key(kind: str, name: str) -> str:
    return f"{LEDGER}/{kind}/{name}{_SUFFIX}"


def parse_record(key: str, data: bytes) -> SceneRecord:
    """Return the record that an object holds; fields that only a newer version knows are left out.

    Raises:
        FatalError: if it is damaged: no JSON object, a field missing or of another type.
    """
    try:
        row = json.loads(data)
        if not isinstance(row, dict):
            raise TypeError(f"it is a {type(row).__name__}")
        record = SceneRecord(**{name: row[name] for name in _TYPES if name in row})
        for name, types in _TYPES.items():
            if type(value := getattr(record, name)) not in types:
                raise TypeError(f"{name} is {value!r}")
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(key, error) from None
    return record


def scene_id_of(key: str) -> str:
    """Return the scene of the key of a scene's record."""
    return key.removeprefix(f"{LEDGER}/scenes/").removesuffix(_SUFFIX)


def _withdrawal(key: str, data: bytes) -> tuple[str, str]:
    try:
        mark = json.loads(data)
        return str(mark["scene_id"]), str(mark["at"])
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(key, error) from None


def _block_records(key: str, data: bytes) -> list[BlockRecord]:
    try:
        return [BlockRecord(**{**row, "window": Window(**row["window"])}) for row in json.loads(data)]
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(key, error) from None


def _contents_row(contents: MosaicContents) -> dict[str, object]:
    blocks = [[*astuple(b.window), b.digest, b.valid_px, b.salient_px] for b in contents.blocks]
    return {"root": contents.root_digest, "blocks": blocks}


def _contents(key: str, data: bytes) -> MosaicContents:
    try:
        row = json.loads(data)
        blocks = (BlockRecord(Window(*block[:4]), *block[4:]) for block in row["blocks"])
        return MosaicContents(str(row["root"]), tuple(blocks))
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(key, error) from None


def _damaged(key: str, error: Exception) -> FatalError:
    return FatalError(
        f"the ledger object {key} is damaged ({error}); restore it, or delete it to redo its work"
    )
