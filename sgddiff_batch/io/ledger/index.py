"""An index of many small objects: one object that saves fetching each of them, and that is never trusted.

The objects are the truth. Whoever needs all of them lists them, which S3 does 1000 to a request, and takes
from the index only those whose listed version is the one that the index was made from; all others are
fetched. So an index that is old, damaged or gone costs time. It is written whole, with its own digest before
it: a killed write leaves the one of before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage import Listed, Store

log = logging.getLogger(__name__)

WORTH = 100
"""An index is written anew once it would have saved so many fetches."""

_SETTLED_S = 2.0
"""What was written so shortly before it was listed may be written again with the same times (as in git)."""
_DIGEST_BYTES = 64
_NAMES = ("key", "version", "data")
_STORE_FAILS = (ConfigError, RetryableError, OSError)
"""What must not stop whoever only wanted to save time; that a lease was lost is none of it."""

Rows = dict[str, tuple[str, bytes]]
"""Version and content by key."""


def read_indexed(
    store: Store, folder: str, index: str, *, write: bool, now_s: float | None = None
) -> dict[str, bytes]:
    """Return all objects below a folder by key, as they are now.

    ``index`` is the key of the index, which is outside of the folder. With ``write`` it is written anew where
    that is worth it; only whoever may change the output asks for that.

    Raises:
        ConfigError, RetryableError: as the store does with the objects; without the index it goes on.
    """
    now = time.time() if now_s is None else now_s
    listed = store.listed(folder)
    known, is_damaged = _read(store, index) if len(listed) >= WORTH else ({}, False)
    same = {key for key, facts in listed.items() if key in known and known[key][0] == facts.version}
    missing = [key for key in listed if key not in same]
    fetched = store.read_many(missing)
    objects = {key: known[key][1] for key in same} | fetched
    del known
    if write and (len(missing) >= WORTH or is_damaged):
        _write(store, index, _rows(objects, listed, now))
    return dict(sorted(objects.items()))


def _rows(objects: Mapping[str, bytes], listed: Mapping[str, Listed], now_s: float) -> Rows:
    """Return what may be indexed. Contents were fetched after the listing; newer ones list otherwise."""
    facts = {key: listed[key] for key in sorted(objects)}
    return {
        key: (one.version, objects[key])
        for key, one in facts.items()
        if one.version is not None and one.changed_s < now_s - _SETTLED_S
    }


def _read(store: Store, index: str) -> tuple[Rows, bool]:
    """Return the rows of an index, and whether it is damaged: then there are none."""
    try:
        data = store.read(index)
    except FileNotFoundError:
        return {}, False
    except _STORE_FAILS as error:
        log.warning("the index %s cannot be read (%s); each record is read by itself", index, error)
        return {}, False
    try:
        return _decode(data), False
    except ValueError as error:
        log.warning("the index %s is damaged (%s); each record is read by itself", index, error)
        return {}, True


def _write(store: Store, index: str, rows: Rows) -> None:
    data = encode(rows)
    try:
        store.write(index, data)
    except _STORE_FAILS as error:
        log.warning("the index %s cannot be written (%s); the next run reads more", index, error)
        return
    log.info("the index %s has %d records now (%.1f MiB)", index, len(rows), len(data) / 2**20)


def encode(rows: Rows) -> bytes:
    """Return the bytes of an index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: tuple[list[Any], ...] = (
        list(rows),
        [version for version, _ in rows.values()],
        [data for _, data in rows.values()],
    )
    table = pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, _kinds(pa), strict=True)], names=_NAMES
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    body: bytes = sink.getvalue().to_pybytes()
    return bytes_digest(body).encode() + body


def _decode(data: bytes) -> Rows:
    """Return the rows of an index.

    Raises:
        ValueError: if it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    body = data[_DIGEST_BYTES:]
    if bytes_digest(body).encode() != data[:_DIGEST_BYTES]:
        raise ValueError("its digest is another one")
    try:
        table = pq.read_table(pa.BufferReader(body), columns=list(_NAMES))
        keys, versions, contents = (table[name].to_pylist() for name in _NAMES)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise ValueError(str(error)) from None
    if list(table.schema.types) != _kinds(pa):
        raise ValueError(f"its columns are {table.schema.types}")
    return {key: (version, one) for key, version, one in zip(keys, versions, contents, strict=True)}


def _kinds(pa: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    return [pa.string(), pa.string(), pa.binary()]
