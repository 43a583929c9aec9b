"""Quarantine: the scenes that could not be worked on, and the marks by which a run tries them again."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sgddiff_batch.core.scene import escape_scene_id
from sgddiff_batch.core.words import printable, redact_uri
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.ledger import ObjectLedger, RedoMark, mark_redo, redo_marks
from sgddiff_batch.protocols import SceneRecord


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The scenes of an output that are in quarantine, as they were when it was read."""

    ledger: ObjectLedger
    records: Mapping[str, SceneRecord]
    marks: Mapping[str, RedoMark]

    def scenes(self) -> list[SceneRecord]:
        """Return the records of all scenes in quarantine, sorted by id."""
        return [record for _, record in sorted(self.records.items()) if record.reason is not None]

    def find(self, wanted: str) -> SceneRecord:
        """Return the record of a scene in quarantine by its id, or by its path in the archive.

        Raises:
            ConfigError: if there is none; it names those that are spelled alike.
        """
        quarantined = {record.scene_id: record for record in self.scenes()}
        for scene_id in (wanted, escape_scene_id(wanted)):
            if scene_id in quarantined:
                return quarantined[scene_id]
            if scene_id in self.records:
                raise ConfigError(f"{printable(scene_id)} is not in quarantine: it is done")
        near = difflib.get_close_matches(wanted, quarantined, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(map(printable, near))}?" if near else "`list` names those that are"
        raise ConfigError(f"no scene {printable(wanted)!r} is in quarantine; {hint}")

    def is_marked(self, record: SceneRecord) -> bool:
        """Whether the next run tries a scene again."""
        return record.scene_id in self.marks

    def facts(self, record: SceneRecord) -> dict[str, object]:
        """Return what is known of a scene in quarantine; no secret is in it."""
        mark = self.marks.get(record.scene_id)
        return {
            "scene_id": record.scene_id,
            "reason": reason_of(record),
            "version": record.version,
            "run_key": record.run_key,
            "since": record.finished_at,
            "earlier_mosaic": record.store,
            "marked_to_be_tried_again": None if mark is None else mark.at,
        }

    def all_facts(self, record: SceneRecord) -> dict[str, object]:
        """Return the facts with the record of the earlier mosaic, which readers still see."""
        facts = self.facts(record)
        if record.store is None:
            return facts
        earlier = self.ledger.finished_mosaic(record.store)
        of_earlier = asdict(earlier) if earlier else {}
        return {**facts, "earlier_mosaic": {"uri": f"{self.ledger.store.uri}/{record.store}", **of_earlier}}

    def mark(self, records: Iterable[SceneRecord]) -> None:
        """Have the next run try scenes again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for record in records:
            mark_redo(self.ledger.store, record, "replay", now)


def read_quarantine(ledger: ObjectLedger) -> Quarantine:
    """Read which scenes are in quarantine."""
    records = ledger.records()
    marks, _ = redo_marks(ledger.store, records)
    return Quarantine(ledger, records, marks)


def reason_of(record: SceneRecord) -> str:
    """Return why a scene is in quarantine; no secret is in it."""
    return redact_uri(record.reason or "")
