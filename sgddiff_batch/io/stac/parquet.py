"""stac-geoparquet: items as rows, assets in a struct, the geometry as WKB; read batch by batch."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io import storage
from sgddiff_batch.io.stac.boxes import is_wide
from sgddiff_batch.io.stac.items import ItemSorter

_PROPERTIES = ("datetime", "start_datetime", "end_datetime", "created", "updated", "eo:cloud_cover")
_COLUMNS = ("id", "collection", "assets", "bbox", "geometry", *_PROPERTIES)
_BATCH_ROWS = 1024


def is_parquet(uri: str) -> bool:
    """Whether a URI names a Parquet file, by its suffix."""
    return uri.lower().endswith(".parquet")


def is_stac_geoparquet(uri: str, access: BucketAccess = OWN) -> bool:
    """Whether a file is Parquet and holds STAC items; one that cannot be understood is told of as a list.

    Raises:
        ConfigError, RetryableError: if it cannot be read.
    """
    if not is_parquet(uri):
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with _opened(uri, access) as source, _damage_told():
            names = pq.read_schema(source).names
    except (pa.ArrowException, FileNotFoundError):
        return False
    return {"id", "assets"} <= set(names)


def read_items(uri: str, sorter: ItemSorter, base: str) -> None:
    """Hand the sorter every row as an item. ``base`` is what relative links count from.

    Raises:
        ConfigError: if the file cannot be understood or may not be read.
        RetryableError: if the storage failed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with (
            _opened(uri, sorter.allowed.access) as source,
            pq.ParquetFile(source) as file,
        ):
            columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
            with _damage_told():
                for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                    for row in _rows(batch):
                        sorter.add(_item(row), base)
    except (pa.ArrowException, FileNotFoundError) as error:
        raise ConfigError(f"archive: {uri!r} cannot be understood as stac-geoparquet: {error}") from None


@contextmanager
def _damage_told() -> Iterator[None]:
    """Tell damage, for which pyarrow raises an OSError without a number, from what storage raises."""
    import pyarrow as pa

    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise pa.ArrowInvalid(on_one_line(error)) from None


def _opened(uri: str, access: BucketAccess) -> AbstractContextManager[IO[bytes]]:
    folder, name = posixpath.split(uri if "://" in uri else storage.open_store(uri).root)
    return storage.open_store(folder, access).open(name)


def _rows(batch: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - pyarrow has no types
    """Return the rows of a batch as dicts, times as text in ISO 8601."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns[name] = _times(column) if pa.types.is_timestamp(column.type) else column.to_pylist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _times(column: Any) -> list[str | None]:  # noqa: ANN401 - pyarrow has no types
    """Return times as text; one that no calendar has is None."""
    import pyarrow as pa

    # Into no finer unit, in which a far time may come out as another one; in UTC, for a zone may be unknown.
    unit = "us" if column.type.unit == "ns" else column.type.unit
    return list(map(_iso, column.cast(pa.timestamp(unit, column.type.tz and "UTC"), safe=False)))


def _iso(time: Any) -> str | None:  # noqa: ANN401 - pyarrow has no types
    try:
        known = time.as_py()
    except (ValueError, OverflowError):
        return None
    return None if known is None else str(known.isoformat())


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    assets = row.get("assets")
    box = _box(row.get("bbox"))
    return {
        "id": row.get("id"),
        "collection": row.get("collection"),
        "assets": _without_nulls(assets) if isinstance(assets, Mapping) else assets,
        "bbox": box,
        "geometry": _geometry(row.get("geometry")) if is_wide(box) else None,
        "properties": {name: row.get(name) for name in _PROPERTIES},
    }


def _without_nulls(assets: Mapping[str, Any]) -> dict[str, Any]:
    """Return the assets that a row has: in a struct, those of other rows are there as nulls."""
    return {key: asset for key, asset in assets.items() if isinstance(asset, Mapping) and asset.get("href")}


def _box(box: object) -> list[Any] | None:
    if isinstance(box, Mapping):
        return [box.get(name) for name in ("xmin", "ymin", "xmax", "ymax")]
    return box if isinstance(box, list) else None


def _geometry(wkb: object) -> object:
    """Return a geometry as GeoJSON has it."""
    import shapely
    from shapely.geometry import mapping

    geometry = shapely.from_wkb(wkb, on_invalid="ignore") if isinstance(wkb, bytes) else None
    return None if geometry is None or geometry.is_empty else mapping(geometry)
