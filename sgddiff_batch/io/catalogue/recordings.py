"""Recordings: what workers recorded of the scenes of a run, for whoever publishes it."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from itertools import islice, zip_longest
from typing import Any

import numpy as np

from sgddiff_batch.core.record_columns import RecordsBuilder
from sgddiff_batch.core.texts import Mask, Texts, TextsBuilder
from sgddiff_batch.io.ledger import RecordTable
from sgddiff_batch.protocols import Recorded

_LEVEL = 1
_WINDOW = 12
"""What is compressed by itself, and what is like it, are together at most so large, as a power of two."""


class Recordings:
    """The last record of each scene that a worker told of, so that publishing need not read it back.

    Safe in several threads. Each recording is compressed by itself, for what the catalogue shows is asked for
    by id; the first one is the dictionary of all others, which are much like it. Columns are made of them
    when they are asked for, and only then take their room.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packed: list[bytes] = []
        self._like = b""

    def add(self, recorded: Recorded) -> None:
        """Keep what was recorded of a scene, in the place of what was before."""
        data = json.dumps([astuple(recorded.record), recorded.shown], separators=(",", ":")).encode()
        with self._lock:
            self._like = self._like or data
            self._packed.append(_deflated(data, self._like))

    def told(self) -> tuple[RecordTable, Mapping[str, Mapping[str, Any]]]:
        """Return the records by scene id, and what the catalogue shows of the mosaics made, by it, too.

        One pass over all of them: unpacking one takes some 15 us.
        """
        with self._lock:
            packed = list(self._packed)
        records, ids, is_shown = RecordsBuilder(), TextsBuilder(), bytearray()
        for each in packed:
            record, shown = _inflated(each, self._like)
            records.append(*record)
            ids.append(record[0])
            is_shown.append(shown is not None)
        names = np.frombuffer(is_shown, np.bool_)
        return RecordTable(records.columns()), _Shown(packed, self._like, ids.texts(), names)


class _Shown(Mapping[str, Mapping[str, Any]]):
    """By ids that are searched for in a column: a dictionary of a million of them takes a third of a GB."""

    def __init__(self, packed: Sequence[bytes], like: bytes, told: Texts, is_shown: Mask) -> None:
        self._packed, self._like = packed, like
        order = told.order()
        ids = told.take(order)
        # Of several recordings of a scene the last: those of one id stand in the order of telling.
        is_last = [one != after for one, after in zip_longest(ids, islice(ids, 1, None))]
        chosen = np.array(is_last, np.bool_) & is_shown[order]
        self._ids, self._rows = ids.take(chosen), order[chosen]

    def __getitem__(self, scene_id: str) -> Mapping[str, Any]:
        _, shown = _inflated(self._packed[self._rows[self._ids.find(scene_id)]], self._like)
        found: Mapping[str, Any] = shown
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def _deflated(data: bytes, like: bytes) -> bytes:
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW, zdict=like)
    return deflater.compress(data) + deflater.flush()


def _inflated(packed: bytes, like: bytes) -> tuple[list[Any], Any]:
    record, shown = json.loads(zlib.decompressobj(-_WINDOW, like).decompress(packed))
    return record, shown
