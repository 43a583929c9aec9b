"""Texts: many texts as one column: their bytes one after the other, and where each begins.

A million ids are a million objects of Python, of which each takes twice its own length and more. As a column
they take their length and eight bytes; a text is made when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

_PART = 8192
"""So many texts are made, or compared, at a time."""


class Texts(Sequence[str]):
    """Texts in the layout of Arrow's large strings: text n is ``data[offsets[n] : offsets[n + 1]]`` in UTF-8.

    Halves of surrogate pairs, of which names of local files can have some, are encoded as they are.
    """

    __slots__ = ("data", "offsets")

    def __init__(self, data: memoryview | bytes | bytearray, offsets: NDArray[np.int64]) -> None:
        self.data = memoryview(data)
        self.offsets = offsets

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Return texts as a column; a column as it is."""
        if isinstance(texts, Texts):
            return texts
        builder = TextsBuilder()
        for text in texts:
            builder.append(text)
        return builder.texts()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Texts: ...
    def __getitem__(self, row: int | slice) -> str | Texts:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        at = row + len(self) if row < 0 else row
        if not 0 <= at < len(self):
            raise IndexError(f"there are {len(self)} texts, and none of number {row}")
        return str(self.data[self.offsets[at] : self.offsets[at + 1]], "utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _PART):
            offsets = self.offsets[start : start + _PART + 1]
            part = bytes(self.data[offsets[0] : offsets[-1]])
            places = (offsets - offsets[0]).tolist()
            if part.isascii():
                text = part.decode("ascii")
                yield from [text[begin:end] for begin, end in pairwise(places)]
            else:
                yield from [str(part[begin:end], "utf-8", "surrogatepass") for begin, end in pairwise(places)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Texts({list(self[:5])}{', ...' if len(self) > 5 else ''})"

    @property
    def size_bytes(self) -> int:
        """What they take."""
        return len(self.data) + self.offsets.nbytes

    def encoded(self) -> Iterator[bytes]:
        """Yield the texts in UTF-8."""
        for start in range(0, len(self), _PART):
            offsets = self.offsets[start : start + _PART + 1]
            part = bytes(self.data[offsets[0] : offsets[-1]])
            yield from [part[begin:end] for begin, end in pairwise((offsets - offsets[0]).tolist())]

    def take(self, rows: Rows | Mask) -> Texts:
        """Return the texts of some rows in their order; a mask of all of them is these rows."""
        chosen = rows_of(rows)
        if is_all(chosen, len(self)):
            return self
        data = bytearray()
        for start in range(0, len(chosen), _PART):
            part = chosen[start : start + _PART]
            places = zip(self.offsets[part].tolist(), self.offsets[part + 1].tolist(), strict=True)
            data += b"".join([self.data[begin:end] for begin, end in places])
        lengths = self.offsets[chosen + 1] - self.offsets[chosen]
        return Texts(data, _offsets(lengths))

    def lengths(self) -> NDArray[np.int64]:
        """Return the length of each in bytes."""
        return np.diff(self.offsets)

    def hashes(self) -> NDArray[np.int64]:
        """Return a number for each that is the same for equal texts, in this process."""
        return np.fromiter(map(hash, self.encoded()), np.int64, len(self))

    def find(self, text: str) -> int:
        """Return the row of a text in a column that is sorted.

        Raises:
            KeyError: if it is not there.
        """
        row = bisect_left(self, text)
        if row == len(self) or self[row] != text:
            raise KeyError(text)
        return row

    def order(self) -> Rows:
        """Return the rows in the order of their texts, as Python sorts them."""
        # By code points, which is the order of UTF-8's bytes.
        if is_sorted(self):
            return np.arange(len(self))
        texts = list(self.encoded())
        return np.array(sorted(range(len(texts)), key=texts.__getitem__), np.intp)


class TextsBuilder:
    """Collects texts one by one; what is held meanwhile is little more than their bytes."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        # They grow where they are: pieces that are joined in the end leave holes behind.
        self._data, self._lengths = bytearray(), bytearray()

    def append(self, text: str) -> None:
        """Add a text."""
        self._waiting.append(text.encode("utf-8", "surrogatepass"))
        if len(self._waiting) == _PART:
            self._put()

    def _put(self) -> None:
        self._data += b"".join(self._waiting)
        self._lengths += np.fromiter(map(len, self._waiting), np.int64, len(self._waiting)).tobytes()
        self._waiting = []

    def texts(self) -> Texts:
        """Return what was collected; nothing can be added any more."""
        self._put()
        return Texts(self._data, _offsets(np.frombuffer(self._lengths, np.int64)))


def joined(parts: Sequence[Texts]) -> Texts:
    """Return the texts of several columns one after the other."""
    if len(parts) == 1:
        return parts[0]
    pieces = [part.data[part.offsets[0] : part.offsets[-1]] for part in parts]
    lengths = [part.lengths() for part in parts]
    return Texts(b"".join(pieces), _offsets(np.concatenate(lengths) if lengths else np.empty(0, np.int64)))


def rows_of(rows: Rows | Mask) -> Rows:
    """Return the numbers of rows that a mask is true for; numbers as they are."""
    return np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows, np.intp)


def is_all(rows: Rows, count: int) -> bool:
    """Whether rows are all of so many, in their order."""
    return len(rows) == count and bool((rows == np.arange(count)).all())


def is_sorted(texts: Texts) -> bool:
    """Whether no text is less than the one before it."""
    before = b""
    for text in texts.encoded():
        if text < before:
            return False
        before = text
    return True


def same(one: Texts, other: Texts) -> Mask:
    """Return for each row whether both columns, which are of one length, hold the same text there."""
    found: Mask = one.lengths() == other.lengths()
    for start in range(0, len(one), _PART):
        rows = start + np.flatnonzero(found[start : start + _PART])
        mine, others = _part(one, rows), _part(other, rows)
        unlike = np.flatnonzero(_bytes_of(mine) != _bytes_of(others))
        found[rows[np.searchsorted(mine.offsets - mine.offsets[0], unlike, "right") - 1]] = False
    return found


def _part(texts: Texts, rows: Rows) -> Texts:
    """Return some rows that are in order; those without a gap are not copied."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return Texts(texts.data, texts.offsets[rows[0] : rows[-1] + 2])
    return texts.take(rows)


def _bytes_of(texts: Texts) -> NDArray[np.uint8]:
    return np.frombuffer(texts.data, np.uint8)[texts.offsets[0] : texts.offsets[-1]]


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


class TextSet(Set[str]):
    """The different texts of a column, which says of many texts at once which of them it has."""

    __slots__ = ("_order", "_ranked", "texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = Texts.of(texts)
        hashes = self.texts.hashes()
        self._order: Rows = np.argsort(hashes, kind="stable")
        self._ranked = hashes[self._order]

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> Set[Any]:
        return frozenset(it)

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.row(text) is not None

    def row(self, text: str) -> int | None:
        """Return the row of a text, None where it is not there."""
        number = hash(text.encode("utf-8", "surrogatepass"))
        at = int(np.searchsorted(self._ranked, number))
        while at < len(self._ranked) and self._ranked[at] == number:
            if self.texts[int(self._order[at])] == text:
                return int(self._order[at])
            at += 1
        return None

    def rows(self, wanted: Texts) -> Rows:
        """Return for each text of another column the row that it has here, -1 where it is not there."""
        numbers = wanted.hashes()
        found = np.full(len(wanted), -1, np.intp)
        if not len(self):
            return found
        at = np.minimum(np.searchsorted(self._ranked, numbers), len(self) - 1)
        hits = np.flatnonzero(self._ranked[at] == numbers)
        here = self._order[at[hits]]
        is_it = same(wanted.take(hits), self.texts.take(here))
        found[hits[is_it]] = here[is_it]
        for row in hits[~is_it].tolist():  # another text of the same hash
            place = self.row(wanted[row])
            found[row] = -1 if place is None else place
        return found

    def has(self, wanted: Texts) -> Mask:
        """Return for each text of another column whether it is there."""
        return self.rows(wanted) >= 0
