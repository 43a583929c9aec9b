"""Export: a file of objects in the format that its name asks for, there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.arrow import all_but_boxes, numbers_of
from sgddiff_batch.io.catalogue import read_pointer
from sgddiff_batch.io.mosaics import clear_up, made_whole
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.io.vectors.formats import Rows, write_by_gdal, write_geojson, write_tiles

_LEFT = ("bbox", "geometry_native")
"""What only GeoParquet has: boxes for readers of columns, and outlines in as many CRSs as there are."""
_GEO = b"geo"
"""The key of GeoParquet's own words."""

FORMATS: Mapping[str, Callable[[Rows, Path], None]] = {
    ".geojson": write_geojson,
    ".fgb": write_by_gdal("FlatGeobuf", ".fgb"),
    ".gpkg": write_by_gdal("GPKG", ".gpkg"),
    ".pmtiles": write_tiles,
}
"""Writers by the suffix of their files; ``.parquet`` is what is published, as it is."""


@dataclass(frozen=True, slots=True)
class Written:
    """How many objects a file has; how many it has not: without a place on the globe, or of another time."""

    objects: int
    left_out: int = 0
    other_times: int = 0


def export_objects(output_uri: str, target_uri: str, taken: TimeSpan | None = None) -> Written:
    """Write the objects that readers of an output see to a file, local or on object storage.

    taken: those alone whose scene was taken then; one of unknown time is not among them. Outlines are in
    degrees of WGS 84 (EPSG:4326); GeoParquet has those without a place on the globe, too. What was at the
    place stays if that fails.

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
        if write is None and taken is None:
            made.write_bytes(data)
            return Written(total)
        schema = _schema(file.schema_arrow)
        chosen = _Chosen(file, taken, schema.names if write else None)
        if write is None:
            chosen.write(made)
            return Written(chosen.count, 0, total - chosen.count)
        rows = Rows(schema, _placed(chosen, schema))
        write(rows, made)
        return Written(rows.count, chosen.count - rows.count, total - chosen.count)


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


class _Chosen:
    """Rows of a file of objects whose scene was taken in a span, a row group at a time; ``count`` so far."""

    def __init__(self, file: pq.ParquetFile, taken: TimeSpan | None, columns: list[str] | None) -> None:
        self.schema: pa.Schema = file.schema_arrow
        self.count = 0
        self._file, self._taken, self._columns = file, taken, columns

    def __iter__(self) -> Iterator[pa.Table]:
        for group in range(self._file.num_row_groups):
            rows = self._file.read_row_group(group, columns=self._columns, use_threads=False)
            if self._taken is not None:
                seconds = (
                    numbers_of(rows["time"].cast(pa.int64()).cast(pa.float64()), np.float64, np.nan) / 1e6
                )
                rows = rows.filter((seconds >= self._taken.start_s) & (seconds <= self._taken.stop_s))
            self.count += rows.num_rows
            yield rows

    def write(self, target: Path) -> None:
        """Write them as the published file is written, without what that says of how it was made."""
        schema = self.schema.with_metadata({_GEO: self.schema.metadata[_GEO]})
        options = {"write_page_checksum": True, "use_dictionary": all_but_boxes(schema)}
        with pq.ParquetWriter(target, schema, compression="zstd", **options) as out:
            for rows in self:
                out.write_table(rows.replace_schema_metadata(schema.metadata))


def _placed(chosen: _Chosen, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows that have a place on the globe; lists as texts with commas."""
    for rows in chosen:
        placed = rows.filter(pc.is_valid(rows["geometry"])).select(schema.names)
        texts = pc.binary_join(placed["parents"], ",")
        placed = placed.set_column(schema.get_field_index("parents"), "parents", texts)
        yield placed.replace_schema_metadata(None).cast(schema)
