"""RecordColumns: what the ledger knows of many scenes, a column a field."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.texts import Mask, Rows, Texts, TextsBuilder, TextSet, joined

_NUMBERS = struct.Struct("=4q")


_FIELDS = attrgetter(
    *("scene_id", "version", "run_key", "store", "reason", "valid_px", "salient_px", "height_px", "width_px"),
    *("finished_at", "mask_rule"),
)
"""The fields of a record, in the order of :meth:`RecordsBuilder.append`."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordColumns:
    """Records sorted by scene id, each once; each column has the field of that name.

    ``stores`` and ``reasons`` are "" where ``has_store`` and ``has_reason`` say that there is none.
    ``numbers`` (n, 4) are valid_px, salient_px, height_px and width_px.
    """

    ids: Texts
    versions: Texts
    run_keys: Texts
    stores: Texts
    has_store: Mask
    reasons: Texts
    has_reason: Mask
    numbers: NDArray[np.int64]
    finished_at: Texts
    mask_rules: Texts

    @classmethod
    def of(cls, records: Mapping[str, Any]) -> RecordColumns:
        """Return the columns of records by scene id; of a table, those that it has."""
        columns = getattr(records, "columns", None)
        return columns if isinstance(columns, RecordColumns) else collected(records.values())

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def valid_px(self) -> NDArray[np.int64]:
        """Pixels with data, a number a record."""
        return self.numbers[:, 0]

    @property
    def salient_px(self) -> NDArray[np.int64]:
        """Salient pixels, a number a record."""
        return self.numbers[:, 1]

    def take(self, rows: Rows | Mask) -> RecordColumns:
        """Return some of the records: those of a mask, or of numbers in their order."""
        return _built(lambda name: getattr(self, name).take(rows), lambda name: getattr(self, name)[rows])


def _built(texts: Callable[[str], Texts], array: Callable[[str], NDArray[Any]]) -> RecordColumns:
    return RecordColumns(
        texts("ids"),
        texts("versions"),
        texts("run_keys"),
        texts("stores"),
        array("has_store"),
        texts("reasons"),
        array("has_reason"),
        array("numbers"),
        texts("finished_at"),
        texts("mask_rules"),
    )


class RecordsBuilder:
    """Collects records one by one, in any order; what is held meanwhile is little more than their columns."""

    def __init__(self) -> None:
        self._ids, self._versions, self._run_keys, self._stores, self._reasons = _builders(5)
        self._finished_at, self._mask_rules = _builders(2)
        self._has_store, self._has_reason, self._numbers = bytearray(), bytearray(), bytearray()

    def append(
        self,
        scene_id: str,
        version: str,
        run_key: str,
        store: str | None,
        reason: str | None,
        valid_px: int,
        salient_px: int,
        height_px: int,
        width_px: int,
        finished_at: str,
        mask_rule: str,
    ) -> None:
        """Add a record.

        Raises:
            struct.error: if a number takes more than 64 bits; then nothing was added.
        """
        self._numbers += _NUMBERS.pack(valid_px, salient_px, height_px, width_px)
        self._ids.append(scene_id)
        self._versions.append(version)
        self._run_keys.append(run_key)
        self._stores.append(store or "")
        self._reasons.append(reason or "")
        self._has_store.append(store is not None)
        self._has_reason.append(reason is not None)
        self._finished_at.append(finished_at)
        self._mask_rules.append(mask_rule)

    def columns(self) -> RecordColumns:
        """Return what was collected, sorted by id; of several of one scene, the last."""
        columns = RecordColumns(
            self._ids.texts(),
            self._versions.texts(),
            self._run_keys.texts(),
            self._stores.texts(),
            np.frombuffer(self._has_store, np.bool_),
            self._reasons.texts(),
            np.frombuffer(self._has_reason, np.bool_),
            np.frombuffer(self._numbers, np.int64).reshape(-1, 4),
            self._finished_at.texts(),
            self._mask_rules.texts(),
        )
        ordered = columns.take(columns.ids.order())
        is_last = [one != after for one, after in zip_longest(ordered.ids, islice(ordered.ids, 1, None))]
        return ordered.take(np.array(is_last, np.bool_))


def _builders(count: int) -> list[TextsBuilder]:
    return [TextsBuilder() for _ in range(count)]


def collected(records: Iterable[object]) -> RecordColumns:
    """Return the columns of ``SceneRecord`` values, of which no two are of one scene."""
    builder = RecordsBuilder()
    for record in records:
        builder.append(*_FIELDS(record))
    return builder.columns()


def changed(before: RecordColumns, after: RecordColumns) -> RecordColumns:
    """Return records of which some came in the place of those of the same scenes, or are of new ones."""
    if not len(after):
        return before
    both = (before.take(~TextSet(after.ids).has(before.ids)), after)
    columns = _built(
        lambda name: joined([getattr(one, name) for one in both]),
        lambda name: np.concatenate([getattr(one, name) for one in both]),
    )
    return columns.take(columns.ids.order())
