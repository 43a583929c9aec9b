"""RecordTable: the records of all scenes of an output as columns. A record is made when it is asked for."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from dataclasses import dataclass

from sgddiff_batch.core import record_columns
from sgddiff_batch.core.record_columns import RecordColumns
from sgddiff_batch.protocols import SceneRecord


@dataclass(frozen=True, slots=True, eq=False)
class RecordTable(Mapping[str, SceneRecord]):
    """Records by scene id, in the order of the ids."""

    columns: RecordColumns

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns.ids)

    def __getitem__(self, scene_id: str) -> SceneRecord:
        return self.at(self.columns.ids.find(scene_id))

    def at(self, row: int) -> SceneRecord:
        """Return the record of a row."""
        table = self.columns
        valid_px, salient_px, height_px, width_px = table.numbers[row].tolist()
        return SceneRecord(
            table.ids[row],
            table.versions[row],
            table.run_keys[row],
            table.stores[row] if table.has_store[row] else None,
            table.reasons[row] if table.has_reason[row] else None,
            valid_px,
            salient_px,
            height_px,
            width_px,
            table.finished_at[row],
            table.mask_rules[row],
        )

    def values(self) -> ValuesView[SceneRecord]:
        """Return the records, as of any mapping."""
        return _Values(self)

    def items(self) -> ItemsView[str, SceneRecord]:
        """Return ids and records, as of any mapping."""
        return _Items(self)

    def __or__(self, records: Mapping[str, SceneRecord]) -> RecordTable:
        """Return the table with some records that are new, or in the place of those of their scenes."""
        return RecordTable(record_columns.changed(self.columns, RecordColumns.of(records)))


class _Values(ValuesView[SceneRecord]):
    """Goes through the columns once, where each value by itself would be searched for."""

    _mapping: RecordTable

    def __iter__(self) -> Iterator[SceneRecord]:
        return _records(self._mapping.columns)


class _Items(ItemsView[str, SceneRecord]):
    """As :class:`_Values`."""

    _mapping: RecordTable

    def __iter__(self) -> Iterator[tuple[str, SceneRecord]]:
        return ((record.scene_id, record) for record in _records(self._mapping.columns))


def _records(table: RecordColumns) -> Iterator[SceneRecord]:
    rows = zip(
        table.ids,
        table.versions,
        table.run_keys,
        table.stores,
        table.has_store,
        table.reasons,
        table.has_reason,
        table.numbers,
        table.finished_at,
        table.mask_rules,
        strict=True,
    )
    for scene_id, version, run_key, store, has_store, reason, has_reason, numbers, at, rule in rows:
        valid_px, salient_px, height_px, width_px = numbers.tolist()
        yield SceneRecord(
            scene_id,
            version,
            run_key,
            store if has_store else None,
            reason if has_reason else None,
            valid_px,
            salient_px,
            height_px,
            width_px,
            at,
            rule,
        )


def record_table(records: Mapping[str, SceneRecord]) -> RecordTable:
    """Return records by scene id as a table; a table as it is."""
    return records if isinstance(records, RecordTable) else RecordTable(RecordColumns.of(records))
