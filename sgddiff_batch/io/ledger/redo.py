"""Marks of scenes that the next run works on again although nothing of them changed.

``_ledger/redo/<scene id>~.json``, one object a scene, written by people's commands without the lease: a run
reads them when it is planned. A mark counts for the state of the scene that it was made for, and for no later
one; so a mark that a killed run left behind asks for nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from sgddiff_batch.io.ledger.damage import DamagedRecord, DamagedRecordError, OnDamage, log_damage
from sgddiff_batch.io.ledger.marks import LEDGER
from sgddiff_batch.io.storage import Store
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


def redo_marks(
    store: Store, records: Mapping[str, SceneRecord], on_damage: OnDamage = log_damage
) -> tuple[dict[str, RedoMark], dict[str, RedoMark]]:
    """Return the marks that count, and those that do not any more; both by scene id.

    A damaged mark counts for what its scene is now: its name says which scene it is, and the scene's record
    why somebody would ask. That may cost work, once; ``on_damage`` takes note.
    """
    wanted: dict[str, RedoMark] = {}
    outdated: dict[str, RedoMark] = {}
    for key, data in store.read_all(_FOLDER).items():
        scene_id = key.removeprefix(f"{_FOLDER}/").removesuffix("~.json")
        record = records.get(scene_id)
        try:
            mark = _mark(key, data)
        except DamagedRecordError as error:
            on_damage(DamagedRecord(key, scene_id, str(error), "its scene is worked on again"))
            mark = _presumed(scene_id, record)
        is_wanted = record is not None and mark.counts_for(record)
        (wanted if is_wanted else outdated)[scene_id] = mark
    return wanted, outdated


def _presumed(scene_id: str, record: SceneRecord | None) -> RedoMark:
    if record is None:
        return RedoMark(scene_id, "replay", None, "", "")
    why: Why = "damaged" if record.reason is None else "replay"
    return RedoMark(scene_id, why, record.store, record.finished_at, "")


def drop_redo(store: Store, scene_id: str) -> None:
    """Take the mark of a scene back, if there is one."""
    store.delete(_key(scene_id))


def _key(scene_id: str) -> str:
    return f"{_FOLDER}/{scene_id}~.json"


def _mark(key: str, data: bytes) -> RedoMark:
    try:
        mark = RedoMark(**json.loads(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedRecordError(f"the mark {key} is damaged ({error})") from None
    if mark.why not in get_args(Why):
        raise DamagedRecordError(f"the mark {key} is damaged (why is {mark.why!r})")
    if key != _key(mark.scene_id):
        raise DamagedRecordError(f"the mark {key} names another scene, {mark.scene_id!r}")
    return mark
