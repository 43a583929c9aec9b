"""Generations as files: stac-geoparquet with the Collection inside, of which any columns can be had."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.arrow import all_but_boxes, parquet_of
from sgddiff_batch.io.catalogue import former
from sgddiff_batch.io.catalogue.schema import SCHEMA, schema_of
from sgddiff_batch.io.catalogue.stac_columns import with_stac

_PART = 65_536
_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    # Without "crs" it is OGC:CRS84: longitude and latitude of WGS 84.
    "columns": {
        "geometry": {"encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"], "edges": "planar"}
    },
}
_STAC = "stac-geoparquet"


def encode(table: pa.Table, uri: str, collection: Mapping[str, Any] | None = None) -> bytes:
    """Return a lean table, and the Collection of its rows, as a Parquet file with all columns.

    uri: that of the output.
    """
    stac: dict[str, Any] = {"version": "1.0.0"}
    if collection:
        stac["collections"] = {collection["id"]: collection}
    schema = SCHEMA.with_metadata({"geo": json.dumps(_GEO), _STAC: json.dumps(stac)})
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema, compression="zstd", use_dictionary=all_but_boxes(SCHEMA)) as writer:
        for start in range(0, table.num_rows, _PART):
            part = with_stac(table.slice(start, _PART), uri)
            writer.write_table(part.replace_schema_metadata(schema.metadata))
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Encoded:
    """A generation as a file, of which any columns can be had: of a million rows all take a gigabyte.

    Of a former version's file, too: see :mod:`sgddiff_batch.io.catalogue.former`.
    """

    data: bytes

    def check(self, name: str, digest: str, columns: Sequence[str] = tuple(SCHEMA.names)) -> None:
        """Look whether some columns, or all, can be had of the file, which is called so.

        Raises:
            FatalError: if it is not the one of that digest, or lacks one of them.
        """
        if bytes_digest(self.data) != digest:
            raise FatalError(
                f"{name} is damaged: it is not what was published; turn to another generation with "
                "`sgddiff catalogue rollback`, or remove _catalogue/current.json and run the job again"
            )
        try:
            wanted = self._stored(columns)
            kinds = pa.Table.from_batches([], self._schema())
            kinds.select(wanted).cast(schema_of(wanted))
        except (pa.ArrowException, KeyError, OSError) as error:
            raise FatalError(f"{name} is no catalogue of this version: {error}") from None

    @property
    def is_former(self) -> bool:
        """Whether a former version wrote it, whose rows know less of themselves."""
        return former.is_former(self._schema())

    @property
    def collection(self) -> dict[str, Any] | None:
        """The Collection of its rows; None in a file of a former version."""
        metadata = self._schema().metadata or {}
        found = json.loads(metadata.get(_STAC.encode(), b"{}")).get("collections", {})
        return next(iter(found.values()), None)

    def table(self, columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
        """Return some columns, or all, of a file that was checked."""
        wanted = self._stored(columns)
        found = parquet_of(self.data, columns=wanted)
        return self._completed(found.select(wanted).cast(schema_of(wanted)), columns)

    def parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of a file that was checked, a part of the rows at a time."""
        wanted = self._stored(columns)
        schema = schema_of(wanted)
        with pq.ParquetFile(self._file(), pre_buffer=False) as file:
            for batch in file.iter_batches(_PART, columns=wanted, use_threads=False):
                found = pa.Table.from_batches([batch]).select(wanted).cast(schema)
                yield self._completed(found, columns)

    def _stored(self, columns: Sequence[str]) -> list[str]:
        return former.columns_for(columns) if self.is_former else list(columns)

    def _completed(self, table: pa.Table, columns: Sequence[str]) -> pa.Table:
        return former.completed(table, columns) if self.is_former else table

    def _schema(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        return pq.read_schema(self._file())

    def _file(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        return pa.BufferReader(pa.py_buffer(self.data))


def decode(data: bytes, name: str, digest: str, columns: list[str] | None = None) -> pa.Table:
    """Return a table, or some of its columns.

    Raises:
        FatalError: if the file is not the one of that digest, or lacks a column.
    """
    encoded = Encoded(data)
    chosen = columns or SCHEMA.names
    encoded.check(name, digest, chosen)
    return encoded.table(chosen)
