"""Packed: rows of a report kept small until they are asked for."""

from __future__ import annotations

import pickle
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")

_BLOCK = 256
"""So many values are compressed together: those of one kind repeat each other."""
_LEVEL = 1


class Packed(Collection[Value], Generic[Value]):
    """Values that can be pickled, and must not change afterwards, in the order in which they were added.

    A million rows are a million objects of Python, of 1 KB each and more; as compressed pickles they take a
    tenth, and are made anew when they are asked for.

    All calls may be made from several threads. Who goes through it sees what is there when it begins.
    """

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self._blocks: list[bytes] = []
        self._last: list[Value] = []
        self._lock = threading.Lock()
        self.extend(values)

    def append(self, value: Value) -> None:
        """Add a value."""
        with self._lock:
            self._last.append(value)
            if len(self._last) == _BLOCK:
                self._blocks.append(zlib.compress(pickle.dumps(self._last), _LEVEL))
                self._last = []

    def extend(self, values: Iterable[Value]) -> None:
        """Add values."""
        for value in values:
            self.append(value)

    def __len__(self) -> int:
        with self._lock:
            return len(self._blocks) * _BLOCK + len(self._last)

    def __iter__(self) -> Iterator[Value]:
        with self._lock:
            blocks, last = len(self._blocks), list(self._last)
        for number in range(blocks):
            yield from pickle.loads(zlib.decompress(self._blocks[number]))
        yield from last

    def __contains__(self, value: object) -> bool:
        return any(value == one for one in self)
