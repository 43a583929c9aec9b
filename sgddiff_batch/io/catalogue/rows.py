"""The rows of the archive catalogue: one STAC item a mosaic, in stac-geoparquet.

Columns follow stac-geoparquet 1.0 (https://stac-utils.github.io/stac-geoparquet/latest/spec) over GeoParquet
1.1; the schema is fixed, so that every generation has the same columns and types, also an empty one.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.catalogue.shown import Shown
from sgddiff_batch.io.geodesy import Footprint
from sgddiff_batch.protocols import SceneRecord

DONE, QUARANTINED = "done", "quarantined"
"""States: the newest version of the scene is shown; or it is in quarantine, and an earlier one is shown."""

_STAC_VERSION = "1.1.0"
_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_ZARR = "application/vnd.zarr; version=3"
_PART = 65_536
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_PICTURE = datetime(1858, 1, 1, tzinfo=UTC)
"""The first photograph from the air: STAC wants a span where the time is not known, and this one is true."""
_FAR_AWAY = datetime(2200, 1, 1, tzinfo=UTC)
_TIME = pa.timestamp("us", tz="UTC")
_LINK = pa.struct(
    [("href", pa.string()), ("rel", pa.string()), ("type", pa.string()), ("title", pa.string())]
)
_ASSET = pa.struct(
    [("href", pa.string()), ("type", pa.string()), ("title", pa.string()), ("roles", pa.list_(pa.string()))]
)
_BOX = pa.struct([(edge, pa.float64()) for edge in ("xmin", "ymin", "xmax", "ymax")])
_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    # Without "crs" it is OGC:CRS84: longitude and latitude of WGS 84.
    "columns": {
        "geometry": {"encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"], "edges": "planar"}
    },
}
_METADATA = {"geo": json.dumps(_GEO), "stac-geoparquet": json.dumps({"version": "1.0.0"})}

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("stac_version", pa.string()),
        ("stac_extensions", pa.list_(pa.string())),
        ("collection", pa.string()),
        ("geometry", pa.binary()),
        ("bbox", _BOX),
        ("links", pa.list_(_LINK)),
        ("assets", pa.struct([(mosaics.ARRAY_NAME, _ASSET)])),
        ("datetime", _TIME),
        ("start_datetime", _TIME),
        ("end_datetime", _TIME),
        ("created", _TIME),
        ("proj:code", pa.string()),
        ("proj:wkt2", pa.string()),
        ("proj:shape", pa.list_(pa.int64())),
        ("proj:transform", pa.list_(pa.float64())),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("scene_uri", pa.string()),
        ("scene_version", pa.string()),
        ("run_key", pa.string()),
        ("model_digest", pa.string()),
        ("height_px", pa.int64()),
        ("width_px", pa.int64()),
        ("valid_px", pa.int64()),
        ("salient_px", pa.int64()),
        ("salient_share", pa.float64()),
        ("salient_km2", pa.float64()),
        ("store", pa.string()),
        ("archive", pa.string()),
    ],
    metadata=_METADATA,
)
"""``id`` is the scene's; ``store`` the mosaic's path below the output, the asset's ``href`` its URI.

``created``: when the mosaic was completed, or became current again. ``salient_px`` counts saliency of 0.5 and
more, ``valid_px`` pixels with data, ``salient_share`` is their quotient and ``salient_km2`` the salient
pixels' part of the footprint's area. ``archive``: the archive that listed the scene last.
"""


@dataclass(frozen=True, slots=True)
class Current:
    """A scene's current mosaic. ``record`` is the record it was completed with, ``state`` as in the rows."""

    record: SceneRecord
    path: str
    state: str = DONE
    reason: str | None = None


def row(current: Current, uri: str, shown: Shown, time: TimeSpan | None) -> dict[str, Any]:
    """Return the row of a mosaic from its record and what is shown of it.

    uri: that of the output.
    """
    record, outline = current.record, shown.outline
    created = instant(record.finished_at)
    return {
        **_item(record.scene_id, f"{uri}/{current.path}", shown.source, outline),
        **dict(zip(("datetime", "start_datetime", "end_datetime"), times_of(time, created), strict=True)),
        "created": created,
        "proj:code": shown.code,
        "proj:wkt2": shown.wkt,
        "proj:shape": [shown.height_px, shown.width_px],
        "proj:transform": list(shown.transform.coefficients),
        "state": current.state,
        "reason": current.reason,
        "scene_uri": shown.source or None,
        "scene_version": record.version,
        "run_key": record.run_key,
        "model_digest": shown.model_digest,
        "height_px": record.height_px,
        "width_px": record.width_px,
        "valid_px": record.valid_px,
        "salient_px": record.salient_px,
        "salient_share": record.salient_px / record.valid_px if record.valid_px else None,
        "salient_km2": outline and outline.area_km2 * record.salient_px / (shown.height_px * shown.width_px),
        "store": current.path,
        "archive": None,
    }


def _item(scene_id: str, href: str, source: str, outline: Footprint | None) -> dict[str, Any]:
    links = [{"href": source, "rel": "derived_from", "type": None, "title": "the scene"}] if source else []
    asset = {"href": href, "type": _ZARR, "title": "saliency mosaic", "roles": ["data"]}
    box = outline and dict(zip(("xmin", "ymin", "xmax", "ymax"), outline.box, strict=True))
    return {
        "id": scene_id,
        "type": "Feature",
        "stac_version": _STAC_VERSION,
        "stac_extensions": [_PROJECTION],
        "collection": None,
        "geometry": outline and outline.wkb,
        "bbox": box,
        "links": links,
        "assets": {mosaics.ARRAY_NAME: asset},
    }


def times_of(span: TimeSpan | None, created: datetime | None) -> list[datetime | None]:
    """Return STAC's datetime, start and end: an instant, or null and a span.

    Where the time is not known it is the widest true span: from the first picture to the mosaic.
    """
    start, end = _FIRST_PICTURE, created or _FAR_AWAY
    if span is not None:
        with suppress(OverflowError, ValueError):  # of open ends, and of times that are none
            start, end = (_EPOCH + timedelta(seconds=seconds) for seconds in (span.start_s, span.stop_s))
    return [start, None, None] if start == end else [None, start, end]


def instant(text: str) -> datetime | None:
    """Return an ISO 8601 time, in UTC where it names no zone; None where it is no time."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def encode(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    buffer = io.BytesIO()
    described = table.replace_schema_metadata(_METADATA)
    pq.write_table(described, buffer, compression="zstd", use_dictionary=_with_dictionary())
    return buffer.getvalue()


@cache
def _with_dictionary() -> list[str]:
    """Return the columns of the file that have a dictionary: all but the box.

    DuckDB 2.0.0 ends with an internal error where a box of dictionaries is filtered and rows are ordered and
    limited in one query.
    """
    buffer = io.BytesIO()
    pq.write_table(SCHEMA.empty_table(), buffer)
    schema = pq.ParquetFile(buffer).schema
    paths = (schema.column(number).path for number in range(len(schema)))
    return [path for path in paths if not path.startswith("bbox.")]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A generation as a file, of which any columns can be had: of a million rows all take a gigabyte."""

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
            kinds = pa.Table.from_batches([], pq.read_schema(self._file()))
            kinds.select(list(columns)).cast(_schema_of(columns))
        except (pa.ArrowException, KeyError, OSError) as error:
            raise FatalError(f"{name} is no catalogue of this version: {error}") from None

    def table(self, columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
        """Return some columns, or all, of a file that was checked."""
        # In this thread alone: Arrow's own, which take the GIL to let go of a file of Python's, may end the
        # process by SIGABRT when it exits.
        with pq.ParquetFile(self._file(), pre_buffer=False) as file:
            found = file.read(list(columns), use_threads=False)
        return found.select(list(columns)).cast(_schema_of(columns))

    def parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of a file that was checked, a part of the rows at a time."""
        schema = _schema_of(columns)
        with pq.ParquetFile(self._file(), pre_buffer=False) as file:
            for batch in file.iter_batches(_PART, columns=list(columns), use_threads=False):
                yield pa.Table.from_batches([batch]).select(list(columns)).cast(schema)

    def _file(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        return pa.BufferReader(pa.py_buffer(self.data))


def _schema_of(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([SCHEMA.field(name) for name in columns], SCHEMA.metadata)


def decode(data: bytes, name: str, digest: str, columns: list[str] | None = None) -> pa.Table:
    """Return a table, or some of its columns.

    Raises:
        FatalError: if the file is not the one of that digest, or lacks a column.
    """
    encoded = Encoded(data)
    chosen = columns or SCHEMA.names
    encoded.check(name, digest, chosen)
    return encoded.table(chosen)
