"""Recordings: what workers recorded of the scenes of a run, for whoever publishes it."""

from __future__ import annotations

import copy
import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import Any

from sgddiff_batch.core.record_columns import RecordsBuilder
from sgddiff_batch.io.ledger import RecordTable
from sgddiff_batch.protocols import Recorded

_LEVEL = 1
_WINDOW = 12
"""What is compressed by itself, and what is like it, are together at most so large, as a power of two."""


class Recordings:
    """The last record of each scene that a worker told of, so that publishing need not read it back.

    Safe in several threads. What the catalogue shows is compressed scene by scene, for it is asked for by id;
    the first one is the dictionary of all others, which are much like it.
    """

    def __init__(self) -> None:
        self._records, self._lock = RecordsBuilder(), threading.Lock()
        self._shown: dict[str, bytes | None] = {}
        self._like = b""

    def __len__(self) -> int:
        return len(self._shown)

    def add(self, recorded: Recorded) -> None:
        """Keep what was recorded of a scene, in the place of what was before."""
        shown = None if recorded.shown is None else json.dumps(recorded.shown).encode()
        with self._lock:
            self._like = self._like or shown or b""
            packed = None if shown is None else _deflated(shown, self._like)
            self._records.append(*astuple(recorded.record))
            self._shown[recorded.record.scene_id] = packed

    def table(self) -> RecordTable:
        """Return the records by scene id."""
        with self._lock:
            # A copy: a builder whose columns are looked at cannot grow.
            records = copy.deepcopy(self._records)
        return RecordTable(records.columns())

    @property
    def shown(self) -> Mapping[str, Mapping[str, Any]]:
        """What the catalogue shows of the mosaics that were made, by scene id."""
        with self._lock:
            return _Shown({name: packed for name, packed in self._shown.items() if packed}, self._like)


class _Shown(Mapping[str, Mapping[str, Any]]):
    def __init__(self, packed: Mapping[str, bytes], like: bytes) -> None:
        self._packed, self._like = packed, like

    def __getitem__(self, scene_id: str) -> Mapping[str, Any]:
        inflater = zlib.decompressobj(-_WINDOW, self._like)
        shown: Mapping[str, Any] = json.loads(inflater.decompress(self._packed[scene_id]))
        return shown

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


def _deflated(data: bytes, like: bytes) -> bytes:
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW, zdict=like)
    return deflater.compress(data) + deflater.flush()
