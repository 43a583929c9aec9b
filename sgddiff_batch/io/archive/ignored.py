"""IgnoredFiles: files that are no scenes as columns: an archive may have several beside each scene."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.texts import Mask, Rows, Texts, TextsBuilder, is_all, joined, same
from sgddiff_batch.io.archive.files import IgnoredFile


@dataclass(frozen=True, slots=True, eq=False)
class IgnoredFiles(Sequence[IgnoredFile]):
    """Files with reasons. ``codes`` (n) are places in ``reasons``, of which there are few."""

    paths: Texts
    codes: NDArray[np.int32]
    lost: Mask
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, files: Iterable[IgnoredFile]) -> IgnoredFiles:
        """Return files as columns; columns as they are."""
        if isinstance(files, IgnoredFiles):
            return files
        builder = IgnoredBuilder()
        for file in files:
            builder.append(file.path, file.reason, file.lost)
        return builder.files()

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, row: int) -> IgnoredFile: ...
    @overload
    def __getitem__(self, row: slice) -> IgnoredFiles: ...
    def __getitem__(self, row: int | slice) -> IgnoredFile | IgnoredFiles:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        return IgnoredFile(self.paths[row], self.reasons[self.codes[row]], bool(self.lost[row]))

    def __iter__(self) -> Iterator[IgnoredFile]:
        for path, code, lost in zip(self.paths, self.codes, self.lost, strict=True):
            yield IgnoredFile(path, self.reasons[code], bool(lost))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: Rows | Mask) -> IgnoredFiles:
        """Return some of the files: those of a mask, or of numbers in their order."""
        return IgnoredFiles(self.paths.take(rows), self.codes[rows], self.lost[rows], self.reasons)


class IgnoredBuilder:
    """Collects ignored files one by one."""

    def __init__(self) -> None:
        self._paths, self._codes, self._lost = TextsBuilder(), list[int](), bytearray()
        self._places: dict[str, int] = {}

    def append(self, path: str, reason: str, lost: bool = False) -> None:
        """Add a file."""
        self._paths.append(path)
        self._codes.append(self._places.setdefault(reason, len(self._places)))
        self._lost.append(lost)

    def files(self) -> IgnoredFiles:
        """Return what was collected."""
        codes, lost = np.array(self._codes, np.int32), np.frombuffer(self._lost, np.bool_)
        return IgnoredFiles(self._paths.texts(), codes, lost, tuple(self._places))


def merged_ignored(parts: Iterable[Iterable[IgnoredFile]]) -> IgnoredFiles:
    """Return the files of all parts, each once, in the order of their paths and then of their reasons."""
    columns = [IgnoredFiles.of(part) for part in parts]
    reasons = tuple(sorted({reason for part in columns for reason in part.reasons}))
    place = {reason: number for number, reason in enumerate(reasons)}
    paths = joined([part.paths for part in columns])
    codes = _concatenated([_translated(part, place) for part in columns], np.int32)
    lost = _concatenated([part.lost for part in columns], np.bool_)
    by_path = paths.order()
    ranked = paths.take(by_path)
    rank = np.empty(len(paths), np.intp)
    rank[by_path] = np.cumsum(np.concatenate(([True], ~same(ranked[1:], ranked[:-1])))[: len(paths)])
    order = np.lexsort((lost, codes, rank))
    keys = np.stack([rank[order], codes[order], lost[order]])
    is_first = np.concatenate(([True], (keys[:, 1:] != keys[:, :-1]).any(axis=0)))[: len(paths)]
    rows: Rows = order[is_first]
    files = IgnoredFiles(paths, codes, lost, reasons)
    return files if is_all(rows, len(files)) else files.take(rows)


def _translated(part: IgnoredFiles, place: dict[str, int]) -> NDArray[np.int32]:
    translation = np.array([place[reason] for reason in part.reasons], np.int32)
    return translation[part.codes] if len(part) else part.codes


def _concatenated(parts: Sequence[NDArray[np.generic]], kind: type) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate([np.empty(0, kind), *parts])
