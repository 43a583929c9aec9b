"""GeoParquet 1.1 of objects, by pyarrow alone: the columns are a format, and equal rows are equal bytes.

``geometry`` is in degrees of WGS 84, with ``bbox`` as its covering; ``geometry_native`` is in the CRS of the
mosaic, which ``crs`` names.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS
from pyproj.exceptions import CRSError

from sgddiff_batch.core.fingerprint import canonical_json
from sgddiff_batch.io.arrow import all_but_boxes, parquet_of

GEOPARQUET_VERSION = "1.1.0"
ROWS_TOGETHER = 16_384
"""Rows of a row group: readers that look for a place skip those whose boxes lie elsewhere."""
ABOUT = b"sgddiff:objects"
"""Key of what a file says of how it was made."""

VALID = b"sgddiff:valid"
"""Key of where a mosaic has data: WKB in degrees, as hexadecimal digits; empty of no place on the globe."""

_EDGES = ("xmin", "ymin", "xmax", "ymax")

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("scene", pa.string()),
        ("store", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("run", pa.string()),
        ("model_digest", pa.string()),
        ("area_m2", pa.float64()),
        ("pixels", pa.int64()),
        ("saliency_mean", pa.float64()),
        ("saliency_max", pa.float64()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("length_m", pa.float64()),
        ("width_m", pa.float64()),
        ("angle_deg", pa.float64()),
        ("row", pa.int64()),
        ("col", pa.int64()),
        ("at_edge", pa.bool_()),
        ("state", pa.string()),
        ("parents", pa.list_(pa.string())),
        ("crs", pa.string()),
        ("bbox", pa.struct([(edge, pa.float64()) for edge in _EDGES])),
        ("geometry", pa.binary()),
        ("geometry_native", pa.binary()),
    ]
)
"""``id``: the object; ``scene``: the id of the scene that shows it, taken at ``time`` (null: not known).

``area_m2`` is null where there is no CRS, ``lon``, ``lat``, ``bbox`` and ``geometry`` where there is no place
on the globe. ``row``, ``col``: the first pixel in reading order. ``at_edge``: it touches an edge of the
mosaic, and may go on beyond. ``state``: what is known of the object now (seen,
vanished, merged); ``parents``: the ids of those that became part of it, or that it was split from, in this
scene. These, and ``time``, which the catalogue tells, are null in parts.
"""


class DamagedFileError(ValueError):
    """A file is no file of objects, or not the one that was written."""


class ObjectFile:
    """A file of objects while it is being written: row groups of ROWS_TOGETHER rows, in the order given.

    crs: that of ``geometry_native``, where all rows have the same: WKT or a code; None: pixels. several: rows
    have several, and that column is plain WKB to readers.
    """

    def __init__(self, crs: str | None, *, several: bool = False) -> None:
        metadata = {"geo": _geo(crs, several=several)}
        self._buffer = io.BytesIO()
        self._schema = SCHEMA.with_metadata(metadata)
        self._writer = pq.ParquetWriter(
            self._buffer,
            self._schema,
            compression="zstd",
            write_page_checksum=True,
            use_dictionary=all_but_boxes(SCHEMA),
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Add rows of SCHEMA."""
        self._waiting.append(table.replace_schema_metadata(self._schema.metadata))
        self._rows += table.num_rows
        if self._rows >= ROWS_TOGETHER:
            self._write(self._rows - self._rows % ROWS_TOGETHER)

    def finish(self, about: Mapping[str, object], valid: bytes = b"") -> bytes:
        """Return the file, with all that was added.

        about: what it says of how it was made. valid: WKB of where there is data.
        """
        self._write(self._rows)
        self._writer.add_key_value_metadata({ABOUT: canonical_json(about)})
        if valid:
            self._writer.add_key_value_metadata({VALID: valid.hex()})
        self._writer.close()
        return self._buffer.getvalue()

    def _write(self, rows: int) -> None:
        waiting = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        whole = waiting.slice(0, rows).combine_chunks()
        if rows:
            self._writer.write_table(whole, row_group_size=ROWS_TOGETHER)
        rest = waiting.slice(rows)
        self._waiting, self._rows = ([rest] if rest.num_rows else []), rest.num_rows


@lru_cache(maxsize=64)
def _geo(crs: str | None, *, several: bool) -> str:
    kinds = ["MultiPolygon", "Polygon"]
    covering = {"bbox": {edge: ["bbox", edge] for edge in _EDGES}}
    # Without "crs" it is OGC:CRS84: longitude and latitude of WGS 84.
    columns: dict[str, Any] = {"geometry": {"encoding": "WKB", "geometry_types": kinds, "covering": covering}}
    if not several:
        columns["geometry_native"] = {"encoding": "WKB", "geometry_types": kinds[1:], "crs": _projjson(crs)}
    tree = {"version": GEOPARQUET_VERSION, "primary_column": "geometry", "columns": columns}
    return json.dumps(tree, sort_keys=True)


def _projjson(crs: str | None) -> dict[str, Any] | None:
    """Return a CRS as PROJJSON; None, which means that it is not known, where there is none."""
    try:
        return None if crs is None else CRS.from_user_input(crs).to_json_dict()
    except CRSError:
        return None


def decode(data: bytes) -> tuple[pa.Table, object]:
    """Return the rows of a file and what it says of how it was made (JSON).

    Raises:
        DamagedFileError: if it is damaged, or of other columns.
    """
    try:
        table = parquet_of(data)
        about: object = json.loads(table.schema.metadata[ABOUT])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(f"it is no whole file of objects: {error}") from None
    if not table.schema.equals(SCHEMA):
        raise DamagedFileError("it has other columns than objects have")
    return table, about
