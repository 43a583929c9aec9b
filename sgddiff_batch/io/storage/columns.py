"""Columns of a listing: what a listing tells of a million objects, without a value of ours for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_ROWS_TOGETHER = 65_536


@dataclass(frozen=True, slots=True)
class ListedPart:
    """A part of a listing, a row an object: paths, and what ``Listed`` has of each, in equal lists."""

    paths: Sequence[str]
    versions: Sequence[str | None]
    sizes_bytes: Sequence[int]
    changed_s: Sequence[float]


def table_of(parts: Iterable[ListedPart], cut: int, left_out: Sequence[str]) -> Any:  # noqa: ANN401
    """Return the rows of all parts as a ``pyarrow.Table``: key, version, size_bytes, changed_s.

    cut: how many characters of a path come before its key; left_out: how names end that are no objects.
    """
    import pyarrow as pa

    schema = pa.schema(
        [
            ("key", pa.string()),
            ("version", pa.string()),
            ("size_bytes", pa.int64()),
            ("changed_s", pa.float64()),
        ]
    )
    batches = []
    for part in _together(parts):
        texts = [path[cut:] for path in part.paths], part.versions
        numbers = (pa.int64(), part.sizes_bytes, np.int64), (pa.float64(), part.changed_s, np.float64)
        columns = [*map(_strings, texts), *(_numbers(*column) for column in numbers)]
        batches.append(_without(pa.RecordBatch.from_arrays(columns, schema=schema), left_out))
    return pa.Table.from_batches(batches, schema)


def _strings(texts: Sequence[str | None]) -> Any:  # noqa: ANN401
    """Return texts as an Arrow array.

    By its buffers: pyarrow's own conversion loads pandas, a second before the first tile of a run.

    Raises:
        UnicodeEncodeError: if one of them has half of a surrogate pair.
    """
    import pyarrow as pa

    parts = [(text or "").encode() for text in texts]
    ends = np.cumsum([0, *map(len, parts)], dtype=np.int32)
    valid, missing = None, sum(text is None for text in texts)
    if missing:
        valid = pa.py_buffer(np.packbits([text is not None for text in texts], bitorder="little"))
    data = pa.py_buffer(b"".join(parts))
    return pa.StringArray.from_buffers(len(parts), pa.py_buffer(ends), data, valid, missing)


def _numbers(kind: Any, numbers: Sequence[float], as_stored: type[np.generic]) -> Any:  # noqa: ANN401
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(np.array(numbers, as_stored))])


def _together(parts: Iterable[ListedPart]) -> Iterator[ListedPart]:
    """Join small parts: a table of a million rows in a thousand pieces is slow to work with."""
    paths: list[str] = []
    versions: list[str | None] = []
    sizes_bytes: list[int] = []
    changed_s: list[float] = []
    for part in parts:
        paths += part.paths
        versions += part.versions
        sizes_bytes += part.sizes_bytes
        changed_s += part.changed_s
        if len(paths) >= _ROWS_TOGETHER:
            yield ListedPart(paths, versions, sizes_bytes, changed_s)
            paths, versions, sizes_bytes, changed_s = [], [], [], []
    yield ListedPart(paths, versions, sizes_bytes, changed_s)


def _without(batch: Any, endings: Sequence[str]) -> Any:  # noqa: ANN401
    import pyarrow.compute as pc

    for ending in endings:
        is_out = pc.ends_with(batch["key"], ending)
        if pc.any(is_out).as_py():
            batch = batch.filter(pc.invert(is_out))
    return batch
