"""Parts: the objects of one mosaic as one file, made of its codes block by block."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sgddiff_batch.core.fingerprint import array_digest, bytes_digest
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
    store: str, scene_id: str, settings: ObjectSettings, completed: datetime | None, root: str
) -> dict[str, object]:
    """Return what a part says of how it was made.

    completed: when the catalogue says the mosaic was. root: the digest of its root, which tells it from one
    that was made again by the same name.
    """
    return {
        "format": FORMAT,
        "store": store,
        "scene": scene_id,
        "completed": None if completed is None else completed.isoformat(),
        "root": root,
        "settings": settings.to_json(),
    }


def is_part_of(
    about: object, store: str, scene_id: str, settings: ObjectSettings, completed: datetime | None
) -> bool | None:
    """Say whether a part is what a mosaic's would be, by what it says of itself.

    None where its root has to be asked: it is of that mosaic, and was completed at another time; one that
    becomes current again is.
    """
    if not isinstance(about, dict):
        return False
    # What former versions said besides.
    said = {name: value for name, value in about.items() if name != "time"}
    root = said.setdefault("root", "")
    wanted = about_part(store, scene_id, settings, completed, str(root))
    if said == wanted:
        return True
    return None if root and said | {"completed": wanted["completed"]} == wanted else False


class PartDrawing:
    """The part of a mosaic while it is drawn; memory is that of a block and of the regions still open."""

    def __init__(self, mosaic: StoredMosaic, settings: ObjectSettings) -> None:
        provenance, grid, code = mosaic.provenance, mosaic.mosaic.grid, mosaic.attributes.get("proj:code")
        crs = code if isinstance(code, str) else grid.crs_wkt
        store = mosaic.mosaic.path
        self._shows = Shows(provenance.mosaic_id, store, provenance.run_id, provenance.model_digest, crs)
        self._grid, self._settings, self._ground = grid, settings, _ground(grid.crs_wkt)
        self._file = ObjectFile(crs)
        self._join = RegionJoin(grid.height_px, grid.width_px, settings.high_code)
        self._data = DataMap(grid, mosaic.mosaic.tiling.block_px)
        self._whole: bytes | None = None

    def add(self, window: Window, codes: NDArray[np.uint8]) -> None:
        """Draw the next block (h, w), row by row; rows of the file come as regions are whole."""
        self._data.add(window, codes)
        regions = block_regions(codes, window, self._settings.low_code)
        for part in split(self._join.add(regions), _MOST_CORNERS):
            table = table_of(part, self._grid, self._shows, self._ground, self._settings.simplify_px)
            self._file.add(_large(table, self._settings.min_area_m2))

    def finish(self, completed: datetime | None, root: str) -> bytes:
        """Return the file, after the last block; the same one again, whatever it is asked for later.

        completed, root: as for :func:`about_part`.
        """
        if self._whole is None:
            shows = self._shows
            about = about_part(shows.store, shows.scene_id, self._settings, completed, root)
            self._whole = self._file.finish(about, self._data.on_globe(self._ground))
        return self._whole


def make_part(mosaic: StoredMosaic, settings: ObjectSettings, completed: datetime | None = None) -> bytes:
    """Return the file of the objects of a stored mosaic, whose codes are read block by block.

    completed: as for :func:`about_part`.

    Raises:
        DamagedObjectError: if a block is lost, or is not what the mosaic was completed with.
        ConfigError, RetryableError: as the store does.
    """
    root = mosaic.store.read(ROOT)
    drawing = PartDrawing(mosaic, settings)
    for window, codes in _blocks(mosaic, root):
        drawing.add(window, codes)
    return drawing.finish(completed, bytes_digest(root))


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


def _blocks(mosaic: StoredMosaic, root: bytes) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    """Yield the blocks of a mosaic with their codes (h, w), row by row, each as it was completed with."""
    known = {block.window: block.digest for block in blocks_of(root) or ()}
    level = mosaic.levels[0]
    for window in mosaic.mosaic.blocks():
        codes = mosaic.read(level, window)
        if window in known and array_digest(codes) != known[window]:
            raise DamagedObjectError(f"the block {window.name} is not what the mosaic was completed with")
        yield window, codes
