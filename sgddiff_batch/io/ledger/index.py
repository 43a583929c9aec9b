"""An index of many small objects: one object that saves fetching each of them, and that is never trusted.

The objects are the truth. Whoever needs all of them lists them, which S3 does 1000 to a request, and takes
from the index only those whose listed version is the one that the index was made from; all others are
fetched. So an index that is old, damaged or gone costs time. It is written whole, with its own digest before
it: a killed write leaves the one of before.

Contents pass part by part, to the new index too: a million of them are never held at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.texts import Mask, Rows, Texts, TextSet, same
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.arrow import are_there, numbers_of, release, texts_of
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

WORTH = 16
"""An index is written anew once it would have saved so many fetches."""

_SETTLED_S = 2.0
"""What was written so shortly before it was listed may be written again with the same times (as in git)."""
_DIGEST_BYTES = 64
_ROWS = 65_536
_PART = 8192
"""So many contents are held at a time."""
_NAMES = ("key", "version", "data")
_STORE_FAILS = (ConfigError, RetryableError, OSError)
"""What must not stop whoever only wanted to save time; that a lease was lost is none of it."""

Part = tuple[Sequence[str], Sequence[bytes]]
"""Keys, and the contents of as many objects."""


def read_indexed(
    store: Store, folder: str, index: str, *, write: bool, now_s: float | None = None
) -> dict[str, bytes]:
    """Return all objects below a folder by key, as :func:`indexed_parts` yields them."""
    parts = indexed_parts(store, folder, index, write=write, now_s=now_s)
    return dict(sorted(pair for keys, contents in parts for pair in zip(keys, contents, strict=True)))


def indexed_parts(
    store: Store, folder: str, index: str, *, write: bool, now_s: float | None = None
) -> Iterator[Part]:
    """Yield all objects below a folder, as they are now, each once, in no order.

    ``index`` is the key of the index, which is outside of the folder. With ``write`` it is written anew where
    that is worth it, once all objects were taken; only whoever may change the output asks for that.

    Raises:
        ConfigError, RetryableError: as the store does with the objects; without the index it goes on.
    """
    listing = _listing_of(store, folder, time.time() if now_s is None else now_s)
    old = _read(store, index) if len(listing.keys) >= WORTH else _NO_INDEX
    rows = old.rows_in(listing)
    is_served = np.zeros(len(listing.keys), np.bool_)
    is_served[rows[rows >= 0]] = True
    missing = np.flatnonzero(~is_served)
    new = _Rows(listing) if write and (len(missing) >= WORTH or old.is_damaged) else None
    for here, contents in old.parts(rows):
        keys = list(listing.keys.take(here))
        if new is not None:
            new.add(here, keys, contents)
        yield keys, contents
    for start in range(0, len(missing), _PART):
        part = missing[start : start + _PART]
        here_by_key = dict(zip(listing.keys.take(part), part.tolist(), strict=True))
        fetched = store.read_many(list(here_by_key))
        keys, contents = list(fetched), list(fetched.values())
        if new is not None:
            new.add(np.array([here_by_key[key] for key in keys], np.intp), keys, contents)
        yield keys, contents
    if new is not None:
        _write(store, index, new)
    release()


@dataclass(frozen=True, slots=True)
class _Listing:
    """Objects as they are listed, and which of them may be indexed."""

    keys: Texts
    versions: Texts
    has_version: Mask
    may_be_indexed: Mask


def _listing_of(store: Store, folder: str, now_s: float) -> _Listing:
    table = store.listed_columns(folder)
    has_version = are_there(table["version"])
    # Contents are fetched after the listing; newer ones list otherwise.
    is_settled = numbers_of(table["changed_s"], np.float64) < now_s - _SETTLED_S
    keys, versions = texts_of(table["key"]), texts_of(table["version"])
    del table
    release()
    return _Listing(keys, versions, has_version, has_version & is_settled)


@dataclass(frozen=True, slots=True)
class _Index:
    """An index as it was read: its file, or None where there is none that can be used."""

    file: Any = None
    is_damaged: bool = False

    def rows_in(self, listing: _Listing) -> Rows:
        """Return for each row of the index that of the same object in a listing, -1 where it changed."""
        if self.file is None:
            return np.empty(0, np.intp)
        known = TextSet(listing.keys)
        batches = self.file.iter_batches(_ROWS, columns=["key", "version"])
        found = [_same_rows(listing, known, *map(texts_of, batch.columns)) for batch in batches]
        return np.concatenate([np.empty(0, np.intp), *found])

    def parts(self, rows: Rows) -> Iterator[tuple[Rows, list[bytes]]]:
        """Yield contents, those of rows that are not -1, with these rows."""
        start = 0
        for batch in self.file.iter_batches(_PART, columns=["data"]) if self.file is not None else ():
            here = rows[start : start + batch.num_rows]
            start += batch.num_rows
            contents = batch.column(0).to_pylist()
            if (here >= 0).all():
                yield here, contents
            else:
                yield here[here >= 0], [contents[row] for row in np.flatnonzero(here >= 0).tolist()]


def _same_rows(listing: _Listing, known: TextSet, keys: Texts, versions: Texts) -> Rows:
    rows = known.rows(keys)
    there = np.flatnonzero(rows >= 0)
    here = rows[there]
    is_same = same(versions.take(there), listing.versions.take(here)) & listing.has_version[here]
    rows[there[~is_same]] = -1
    return rows


_NO_INDEX = _Index()


def _read(store: Store, index: str) -> _Index:
    try:
        data = store.read(index)
    except FileNotFoundError:
        return _NO_INDEX
    except _STORE_FAILS as error:
        log.warning("the index %s cannot be read (%s); each record is read by itself", index, error)
        return _NO_INDEX
    try:
        return _Index(_decode(data))
    except ValueError as error:
        log.warning("the index %s is damaged (%s); each record is read by itself", index, error)
        return _Index(is_damaged=True)


class _Rows:
    """An index that is being made, part by part."""

    def __init__(self, listing: _Listing) -> None:
        self._listing, self._writer, self.count = listing, _Writer(), 0

    def add(self, here: Rows, keys: Sequence[str], contents: Sequence[bytes]) -> None:
        """Add objects, given by their rows in the listing, as far as they may be indexed."""
        kept = np.flatnonzero(self._listing.may_be_indexed[here])
        versions = list(self._listing.versions.take(here[kept]))
        chosen = kept.tolist()
        self._writer.add([keys[row] for row in chosen], versions, [contents[row] for row in chosen])
        self.count += len(chosen)

    def encoded(self) -> bytes:
        """Return the bytes of the index."""
        return self._writer.encoded()


def _write(store: Store, index: str, rows: _Rows) -> None:
    data = rows.encoded()
    try:
        store.write(index, data)
    except _STORE_FAILS as error:
        log.warning("the index %s cannot be written (%s); the next run reads more", index, error)
        return
    log.info("the index %s has %d records now (%.1f MiB)", index, rows.count, len(data) / 2**20)


class _Writer:
    """Writes the table of an index."""

    def __init__(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema(list(zip(_NAMES, _kinds(pa), strict=True)))
        self._sink = pa.BufferOutputStream()
        self._file = pq.ParquetWriter(
            self._sink, self._schema, compression="zstd", use_dictionary=False, write_statistics=False
        )

    def add(self, keys: Sequence[str], versions: Sequence[str], contents: Sequence[bytes]) -> None:
        """Add rows."""
        import pyarrow as pa

        self._file.write_batch(pa.record_batch([keys, versions, contents], schema=self._schema))

    def encoded(self) -> bytes:
        """Return the bytes of the index; nothing can be added any more."""
        self._file.close()
        body: bytes = self._sink.getvalue().to_pybytes()
        return bytes_digest(body).encode() + body


def encode(rows: Mapping[str, tuple[str, bytes]]) -> bytes:
    """Return the bytes of an index of versions and contents by key."""
    writer = _Writer()
    writer.add(list(rows), [version for version, _ in rows.values()], [data for _, data in rows.values()])
    return writer.encoded()


def _decode(data: bytes) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return the file of an index.

    Raises:
        ValueError: if it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    body = memoryview(data)[_DIGEST_BYTES:]
    if bytes_digest(body).encode() != data[:_DIGEST_BYTES]:
        raise ValueError("its digest is another one")
    try:
        file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(body)))
        kinds = {field.name: field.type for field in file.schema_arrow}
    except (OSError, pa.ArrowException) as error:
        raise ValueError(str(error)) from None
    if [kinds.get(name) for name in _NAMES] != _kinds(pa):
        raise ValueError(f"its columns are {kinds}")
    return file


def _kinds(pa: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    return [pa.string(), pa.string(), pa.binary()]
