"""Marks of scenes that the next run works on again although nothing of them changed.

``_ledger/redo/<scene id>~.json``, one object a scene, written by people's commands without the lease: a run
reads them when it is planned. A mark counts for the state of the scene that it was made for, and for no later
one; so a mark that a killed run left behind asks for nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledgers import LEDGER
from sgddiff_batch.io.stores import Store
from sgddiff_batch.protocols import SceneRecord

Why = Literal["replay", "damaged"]

_FOLDER = f"{LEDGER}/redo"


@dataclass(frozen=True, slots=True)
class RedoMark:
    """A scene to be worked on again, and why: it is in quarantine, or its mosaic is damaged.

    ``store`` and ``finished_at`` are those of its record when the mark was made; ``at`` is when that was,
    ISO 8601 in UTC.
    """

    scene_id: str
    why: Why
    store: str | None
    finished_at: str
    at: str

    def counts_for(self, record: SceneRecord) -> bool:
        """Whether the scene is still in the state that the mark was made for."""
        return (record.store, record.finished_at) == (self.store, self.finished_at)


def mark_redo(store: Store, record: SceneRecord, why: Why, at: str) -> RedoMark:
    """Ask the next run to work on a scene again. Marking twice is marking once."""
    mark = RedoMark(record.scene_id, why, record.store, record.finished_at, at)
    store.write(_key(record.scene_id), json.dumps(asdict(mark), separators=(",", ":")).encode())
    return mark


def redo_marks(store: Store, records: Mapping[str, SceneRecord]) -> tuple[dict[str, RedoMark], list[str]]:
    """Return the marks that count, and the ids of those that do not any more; both by scene id.

    Raises:
        FatalError: if a mark is damaged.
    """
    marks = (_mark(key, data) for key, data in store.read_all(_FOLDER).items())
    wanted: dict[str, RedoMark] = {}
    outdated: list[str] = []
    for mark in marks:
        record = records.get(mark.scene_id)
        if record is not None and mark.counts_for(record):
            wanted[mark.scene_id] = mark
        else:
            outdated.append(mark.scene_id)
    return wanted, outdated


def drop_redo(store: Store, scene_id: str) -> None:
    """Take the mark of a scene back, if there is one."""
    store.delete(_key(scene_id))


def _key(scene_id: str) -> str:
    return f"{_FOLDER}/{scene_id}~.json"


def _mark(key: str, data: bytes) -> RedoMark:
    try:
        mark = RedoMark(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise FatalError(f"the mark {key} is damaged ({error}); delete it") from None
    if key != _key(mark.scene_id):
        raise FatalError(f"the mark {key} names another scene, {mark.scene_id!r}; delete it")
    return mark
