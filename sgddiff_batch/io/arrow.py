"""Arrow: columns of texts, as pyarrow holds them and as core does; nothing is copied that need not be."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.texts import Texts

_Number = TypeVar("_Number", np.float64, np.int32)


def texts_of(column: Any) -> Texts:  # noqa: ANN401 - pyarrow has no types
    """Return an Arrow column of strings, in one or many pieces, as texts; a null is "".

    They are a copy: the column's own memory can go.
    """
    pieces, lengths = [], [np.empty(0, np.int64)]
    for chunk in getattr(column, "chunks", [column]):
        places, data = _places(chunk.fill_null("") if chunk.null_count else chunk)
        pieces.append(data)
        lengths.append(np.diff(places))
    offsets = np.concatenate(([0], np.cumsum(np.concatenate(lengths), dtype=np.int64)))
    return Texts(b"".join(pieces), offsets)


def numbers_of(column: Any, kind: type[_Number], null: float = 0) -> NDArray[_Number]:  # noqa: ANN401
    """Return an Arrow column of numbers of that type, in one piece or many, as one array; nulls are ``null``.

    By its buffers, as all here: pyarrow's own conversions load pandas, a second before a run's first tile.
    """
    size = np.dtype(kind).itemsize
    pieces = [np.empty(0, kind)]
    for chunk in getattr(column, "chunks", [column]):
        if len(chunk):
            piece = np.frombuffer(chunk.buffers()[1], kind, len(chunk), chunk.offset * size)
            pieces.append(np.where(are_there(chunk), piece, np.array(null, kind)))
    return np.concatenate(pieces)


def are_there(column: Any) -> NDArray[np.bool_]:  # noqa: ANN401
    """Return which rows of an Arrow column, in one or many pieces, are no nulls."""
    pieces = [np.empty(0, np.bool_)]
    for chunk in getattr(column, "chunks", [column]):
        rows = slice(chunk.offset, chunk.offset + len(chunk))
        if chunk.null_count:
            bits = np.frombuffer(chunk.buffers()[0], np.uint8)
            pieces.append(np.unpackbits(bits, bitorder="little")[rows].astype(np.bool_))
        else:
            pieces.append(np.ones(len(chunk), np.bool_))
    return np.concatenate(pieces)


def _places(chunk: Any) -> tuple[NDArray[np.int64], memoryview]:  # noqa: ANN401
    """Return where the texts of an array begin and end, and their bytes."""
    import pyarrow as pa

    kind = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    _, offsets, data = chunk.buffers()
    if not len(chunk):
        return np.zeros(1, np.int64), memoryview(b"")
    found = np.frombuffer(offsets, kind, len(chunk) + 1, chunk.offset * np.dtype(kind).itemsize)
    places: NDArray[np.int64] = found.astype(np.int64)
    return places, memoryview(data or b"").cast("B")[places[0] : places[-1]]


def arrow_of(texts: Texts) -> Any:  # noqa: ANN401
    """Return texts as an Arrow array of large strings.

    Raises:
        UnicodeEncodeError: if one of them has half of a surrogate pair, which Arrow's strings may not have.
    """
    import pyarrow as pa

    offsets = np.ascontiguousarray(texts.offsets)
    array = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(texts.data))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        array = pa.array(list(texts), pa.large_string())
    return array


def parquet_of(data: bytes, digest: str | None = None, columns: Sequence[str] | None = None) -> Any:  # noqa: ANN401
    """Return the rows of a Parquet file as a ``pyarrow.Table``; its pages' checksums are looked at.

    digest: the hex SHA-256 of what was written; None: that is not known. columns: None is all.

    Raises:
        ValueError, OSError: if it is something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if digest is not None and bytes_digest(data) != digest:
        raise ValueError("it is not what was written")
    buffer = pa.BufferReader(pa.py_buffer(data))
    # In this thread alone: Arrow's own, which take the GIL to let go of a file of Python's, may end the
    # process by SIGABRT when it exits.
    try:
        with pq.ParquetFile(buffer, pre_buffer=False, page_checksum_verification=True) as file:
            return file.read(None if columns is None else list(columns), use_threads=False)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None


def parquet_bytes(table: Any) -> bytes:  # noqa: ANN401
    """Return a ``pyarrow.Table`` as a Parquet file, its pages with checksums."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


@cache
def all_but_boxes(schema: Any) -> list[str]:  # noqa: ANN401
    """Return the columns of a ``pyarrow.Schema`` that files have with a dictionary: all but ``bbox``.

    DuckDB 2.0.0 ends with an internal error where a box of dictionaries is filtered and rows are ordered and
    limited in one query.
    """
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(schema.empty_table(), buffer)
    found = pq.ParquetFile(buffer).schema
    paths = (found.column(number).path for number in range(len(found)))
    return [path for path in paths if not path.startswith("bbox.")]


def release() -> None:
    """Give back to the system what pyarrow keeps of memory that it needs no more: as much as it used."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
