"""Parts: the objects of one mosaic as one file, made of its codes block by block."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.region_join import RegionJoin, split
from sgddiff_batch.core.regions import block_regions
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.geodesy import Ground
from sgddiff_batch.io.mosaics import ROOT, DamagedObjectError, StoredMosaic, blocks_of
from sgddiff_batch.io.objects.data_map import DataMap
from sgddiff_batch.io.objects.geoparquet import ObjectFile
from sgddiff_batch.io.objects.rows import Shows, table_of

PARTS = "_objects/parts"
FORMAT = 1
"""Raised when rows of the same mosaic and settings become others."""

_MOST_CORNERS = 2**18
"""Outlines that are drawn at a time: their points in Python take a hundred bytes each."""


def part_key(store: str, settings: ObjectSettings) -> str:
    """Return the key, below the output, of the part of a mosaic."""
    return f"{PARTS}/{store}-{settings.digest}.parquet"


def store_of_part(key: str) -> str:
    """Return the path of the mosaic that a part is of, by the part's key."""
    return key.removeprefix(f"{PARTS}/").rpartition("-")[0]


def about_part(
    store: str,
    scene_id: str,
    time: datetime | None,
    settings: ObjectSettings,
    completed: datetime | None = None,
) -> dict[str, object]:
    """Return what a part says of how it was made; one that says something else is made anew.

    completed: when the catalogue says the mosaic was: a store of the same name may have been made again.
    """
    taken, made = (None if one is None else one.isoformat() for one in (time, completed))
    return {
        "format": FORMAT,
        "store": store,
        "scene": scene_id,
        "time": taken,
        "completed": made,
        "settings": settings.to_json(),
    }


def make_part(
    mosaic: StoredMosaic,
    name: str,
    time: datetime | None,
    settings: ObjectSettings,
    completed: datetime | None = None,
) -> bytes:
    """Return the file of a mosaic's objects; memory is that of a block and of the regions still open.

    name: the mosaic's path below its output. time: when its scene was taken. completed: as for
    :func:`about_part`. Rows come as regions are whole: by the block, row by row, in which they end.

    Raises:
        DamagedObjectError: if a block is lost, or is not what the mosaic was completed with.
        ConfigError, RetryableError: as the store does.
    """
    provenance, grid = mosaic.provenance, mosaic.mosaic.grid
    code = mosaic.attributes.get("proj:code")
    crs = code if isinstance(code, str) else grid.crs_wkt
    shows = Shows(provenance.mosaic_id, name, time, provenance.run_id, provenance.model_digest, crs)
    file = ObjectFile(about_part(name, shows.scene_id, time, settings, completed), crs)
    ground = _ground(grid.crs_wkt)
    join = RegionJoin(grid.height_px, grid.width_px, settings.high_code)
    data = DataMap(grid, mosaic.mosaic.tiling.block_px)
    for window, codes in _blocks(mosaic):
        data.add(window, codes)
        for part in split(join.add(block_regions(codes, window, settings.low_code)), _MOST_CORNERS):
            table = table_of(part, grid, shows, ground, settings.simplify_px)
            file.add(_large(table, settings.min_area_m2))
    return file.finish(data.on_globe(ground))


def _ground(crs: str | None) -> Ground | None:
    """Return the ground of a mosaic, None where it has none: no CRS, or one of no place on the globe."""
    try:
        return None if crs is None else Ground(crs)
    except ValueError:
        return None


def _large(table: pa.Table, least_m2: float) -> pa.Table:
    if not least_m2:
        return table
    return table.filter(pc.fill_null(pc.greater_equal(table["area_m2"], least_m2), True))


def _blocks(mosaic: StoredMosaic) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    """Yield the blocks of a mosaic with their codes (h, w), row by row, each as it was completed with."""
    known = {block.window: block.digest for block in blocks_of(mosaic.store.read(ROOT)) or ()}
    level = mosaic.levels[0]
    for window in mosaic.mosaic.blocks():
        codes = mosaic.read(level, window)
        if window in known and array_digest(codes) != known[window]:
            raise DamagedObjectError(f"the block {window.name} is not what the mosaic was completed with")
        yield window, codes
