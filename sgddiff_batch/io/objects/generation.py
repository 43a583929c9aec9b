"""The files of a generation's objects: a row an object, and a row a mosaic; neither ever changes.

_objects/generations/<digest of the catalogue's>-<write>.parquet           all objects, as readers get them
_objects/generations/<digest of the catalogue's>-<write>-mosaics.parquet   of which mosaics they are
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.generations import ObjectsFile
from sgddiff_batch.io.arrow import parquet_bytes, parquet_of
from sgddiff_batch.io.objects.geoparquet import SCHEMA
from sgddiff_batch.io.storage import Store

GENERATIONS = "_objects/generations"

_TIME = pa.timestamp("us", tz="UTC")
_MOSAICS = pa.schema(
    [
        *(("scene_id", pa.string()), ("store", pa.string()), ("time", _TIME), ("completed", _TIME)),
        *(("objects", pa.int64()), ("pixels", pa.int64()), ("area_m2", pa.float64())),
        *(("reason", pa.string()), ("is_damaged", pa.bool_())),
    ]
)


@dataclass(frozen=True, slots=True)
class MosaicRow:
    """A mosaic of a generation: its scene taken at ``time``, ``completed`` then, and its objects.

    ``reason``: why it has none here, None where it has those that it shows; ``is_damaged``: it is.
    """

    scene_id: str
    store: str
    time: datetime | None
    completed: datetime | None
    objects: int = 0
    pixels: int = 0
    area_m2: float | None = None
    reason: str | None = None
    is_damaged: bool = False

    def bare(self) -> MosaicRow:
        """Return what the catalogue says of the mosaic alone."""
        return MosaicRow(self.scene_id, self.store, self.time, self.completed)


def write_files(
    store: Store,
    data: bytes,
    mosaics: Sequence[MosaicRow],
    made_by: tuple[str, str],
    before: ObjectsFile | None = None,
) -> ObjectsFile:
    """Put the objects (``data``) and the mosaics of a generation, which nobody sees yet.

    made_by: ``settings`` and ``made_of`` as :class:`sgddiff_batch.core.generations.ObjectsFile` has them.
    before: the ones that readers see; where these are the same, and there, nothing is put.
    """
    settings, made_of = made_by
    columns = [
        pa.array([astuple(row)[nth] for row in mosaics], _MOSAICS.field(nth).type)
        for nth in range(len(fields(MosaicRow)))
    ]
    rows = parquet_bytes(pa.Table.from_arrays(columns, schema=_MOSAICS))
    digests, count = (bytes_digest(data), bytes_digest(rows)), sum(row.objects for row in mosaics)
    is_same = before is not None and (before.digest, before.mosaics_digest) == digests
    if before is not None and is_same and before.is_there(store.stat):
        return replace(before, settings=settings, made_of=made_of)
    # No two writes share a name: what a killed one left is garbage, and may be removed at any moment.
    stem = f"{GENERATIONS}/{made_of[:12]}-{uuid.uuid4().hex[:8]}"
    file, other = f"{stem}.parquet", f"{stem}-mosaics.parquet"
    store.write(file, data)
    store.write(other, rows)
    return ObjectsFile(file, digests[0], other, digests[1], count, settings, made_of)


def read_mosaics(store: Store, objects: ObjectsFile) -> list[MosaicRow]:
    """Return the mosaics of a generation, in their order.

    Raises:
        FileNotFoundError: if its file is gone.
        ValueError: if that is damaged.
    """
    table = parquet_of(store.read(objects.mosaics), objects.mosaics_digest)
    return [MosaicRow(**row) for row in table.select(_MOSAICS.names).to_pylist()]


def still_holding(former: Sequence[MosaicRow], wanted: Sequence[MosaicRow]) -> dict[str, MosaicRow]:
    """Return by path the mosaics of before whose rows still hold, with the times that are known by now."""
    now = {row.store: row for row in wanted}
    timed_anew = (replace(row, time=now[row.store].time) for row in former if row.store in now)
    return {row.store: row for row in timed_anew if row.reason is None and row.bare() == now[row.store]}


class FormerObjects:
    """The rows of a generation, taken in their order, a row group in memory at a time."""

    def __init__(self, data: bytes, digest: str) -> None:
        """Open a file.

        Raises:
            ValueError: if it is not the one of that digest.
        """
        if bytes_digest(data) != digest:
            raise ValueError("it is not what was written")
        self._file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)), pre_buffer=False)
        self._group, self._begin = -1, 0
        self._rows: pa.Table = SCHEMA.empty_table()

    def take(self, start: int, count: int) -> pa.Table:
        """Return rows [start, start + count); none of a call may lie before those of an earlier one."""
        found, stop = [SCHEMA.empty_table()], start + count
        while start < stop:
            while start >= self._begin + self._rows.num_rows:
                self._begin += self._rows.num_rows
                self._group += 1
                rows = self._file.read_row_group(self._group, use_threads=False)
                self._rows = rows.replace_schema_metadata(None)
            end = min(stop, self._begin + self._rows.num_rows)
            found.append(self._rows.slice(start - self._begin, end - start))
            start = end
        return pa.concat_tables(found)


class TakenRows:
    """The rows that are taken of the objects of before, mosaic by mosaic, in their order."""

    def __init__(self, store: Store, before: ObjectsFile | None, mosaics: Sequence[MosaicRow]) -> None:
        """Open them; FileNotFoundError or ValueError if that is not possible."""
        assert before is not None, "there are rows of before"
        self._file = FormerObjects(store.read(before.file), before.digest)
        self._starts, start = dict[str, int](), 0
        for row in mosaics:
            self._starts[row.store] = start
            start += row.objects

    def rows_of(self, row: MosaicRow) -> pa.Table:
        """Return those of a mosaic; none of a call may be of one before that of an earlier one."""
        return self._file.take(self._starts[row.store], row.objects)
