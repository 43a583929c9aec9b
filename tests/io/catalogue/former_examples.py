"""A generation as the version wrote it that knew no Collections."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.generations import Generation, published, tree_of
from sgddiff_batch.io.catalogue import generations
from sgddiff_batch.io.catalogue.objects import CATALOGUE, write_link
from sgddiff_batch.io.catalogue.schema import SCHEMA
from sgddiff_batch.io.storage import flip
from sgddiff_batch.io.storage.store import Store

_NEW = {"renders", "processing:lineage", "sgddiff:time_known", "sgddiff:item"}
_ASSET = pa.struct(
    [("href", pa.string()), ("type", pa.string()), ("title", pa.string()), ("roles", pa.list_(pa.string()))]
)
FORMER = pa.schema(
    [
        pa.field("assets", pa.struct([("saliency", _ASSET)])) if field.name == "assets" else field
        for field in SCHEMA
        if field.name not in _NEW
    ]
)


def former_rows(table: pa.Table, uri: str) -> list[dict[str, object]]:
    """Return rows of today as they were: hrefs from nowhere, no Collection, the widest span of time."""
    return [_former_row(row, uri) for row in table.to_pylist()]


def _former_row(row: dict[str, object], uri: str) -> dict[str, object]:
    asset = {"href": f"{uri}/{row['store']}", "type": "application/vnd.zarr; version=3"}
    source = {"href": row["scene_uri"], "rel": "derived_from", "type": None, "title": "the scene"}
    times = [row[name] for name in ("datetime", "start_datetime", "end_datetime")]
    if not row["sgddiff:time_known"]:
        times = [None, datetime(1858, 1, 1, tzinfo=UTC), row["created"]]
    elif times[0] is not None:
        times = [times[0], None, None]
    return {
        **{name: row[name] for name in FORMER.names},
        "stac_extensions": ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
        "collection": None,
        "links": [source] if row["scene_uri"] else [],
        "assets": {"saliency": asset | {"title": "saliency mosaic", "roles": ["data"]}},
        **dict(zip(("datetime", "start_datetime", "end_datetime"), times, strict=True)),
    }


def former_file(table: pa.Table, uri: str) -> bytes:
    """Return a table of today as the bytes of a file of then."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(former_rows(table, uri), schema=FORMER), buffer)
    return buffer.getvalue()


def put_former(store: Store, table: pa.Table, run_id: str = "former") -> Generation:
    """Make rows the current generation of an output, and its copy, as they were then."""
    pointer, version = generations._versioned_pointer(store)
    number = 1 if pointer is None else pointer.newest.number + 1
    data = former_file(table, store.uri)
    file = f"generations/{number:08d}-{run_id}-00000000.parquet"
    new = Generation(number, file, bytes_digest(data), table.num_rows, run_id, "2026-01-01T00:00:00+00:00")
    store.write(f"{CATALOGUE}/{file}", data)
    assert flip(store, generations.POINTER, tree_of(published(pointer, new, 7)), version)
    write_link(store, new)
    return new
