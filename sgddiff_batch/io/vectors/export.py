"""Export: a file of objects in the format that its name asks for, there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.catalogue import read_pointer
from sgddiff_batch.io.mosaics import clear_up, made_whole
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.io.vectors.formats import Rows, write_by_gdal, write_geojson, write_tiles

_LEFT = ("bbox", "geometry_native")
"""What only GeoParquet has: boxes for readers of columns, and outlines in as many CRSs as there are."""

FORMATS: Mapping[str, Callable[[Rows, Path], None]] = {
    ".geojson": write_geojson,
    ".fgb": write_by_gdal("FlatGeobuf", ".fgb"),
    ".gpkg": write_by_gdal("GPKG", ".gpkg"),
    ".pmtiles": write_tiles,
}
"""Writers by the suffix of their files; ``.parquet`` is what is published, as it is."""


def export_objects(output_uri: str, target_uri: str) -> tuple[int, int]:
    """Write the objects that readers of an output see to a file, local or on object storage.

    Outlines are in degrees of WGS 84 (EPSG:4326). Returns how many objects were written, and how many were
    not, for they have no place on the globe; GeoParquet has all. What was at the place stays if that fails.

    Raises:
        FileNotFoundError: if the output has no published objects, or there is no folder to write to.
        FatalError: if the objects are damaged.
        ConfigError: if the name has another suffix, a package is missing, or the place cannot be written to.
        OSError, RetryableError: if the file cannot be made, or a store failed.
    """
    suffix = Path(target_uri).suffix.lower()
    write = FORMATS.get(suffix)
    if write is None and suffix != ".parquet":
        known = ", ".join([".parquet", *FORMATS])
        raise ConfigError(f"{target_uri!r}: its suffix says which format, one of {known}")
    data = _published(open_store(output_uri))
    clear_up([target_uri])
    with made_whole(target_uri) as made, pq.ParquetFile(pa.BufferReader(data), pre_buffer=False) as file:
        total = file.metadata.num_rows
        if write is None:
            made.write_bytes(data)
            return total, 0
        rows = Rows(_schema(file.schema_arrow), _parts(file))
        write(rows, made)
        return rows.count, total - rows.count


def _published(store: Store) -> bytes:
    pointer = read_pointer(store)
    objects = None if pointer is None else pointer.generation.objects
    if objects is None:
        raise FileNotFoundError(f"{store.uri!r} has no published objects: `sgddiff objects` draws them")
    data = store.read(objects.file)
    if bytes_digest(data) != objects.digest:
        raise FatalError(
            f"{objects.file} in {store.uri} is damaged: remove it, and `sgddiff objects` makes another"
        )
    return data


def _schema(schema: pa.Schema) -> pa.Schema:
    names = [name for name in schema.names if name not in _LEFT]
    kinds = {"parents": pa.string()}
    return pa.schema([(name, kinds.get(name, schema.field(name).type)) for name in names])


def _parts(file: pq.ParquetFile) -> Iterator[pa.Table]:
    """Yield the rows that have a place on the globe, a row group at a time; lists as texts with commas."""
    schema = _schema(file.schema_arrow)
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, columns=schema.names, use_threads=False)
        rows = rows.filter(pc.is_valid(rows["geometry"])).select(schema.names)
        texts = pc.binary_join(rows["parents"], ",")
        rows = rows.set_column(schema.get_field_index("parents"), "parents", texts)
        yield rows.replace_schema_metadata(None).cast(schema)
