"""StoredMosaic: a mosaic as its own root object describes it, read shard by shard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import Mosaic, Tiling
from sgddiff_batch.core.provenance import Provenance, parse_provenance
from sgddiff_batch.core.tiling import FITS_SINCE
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.io.mosaics.metadata import ROOT, Level, levels_of
from sgddiff_batch.io.mosaics.reading import DamagedObjectError, read_shard, read_window
from sgddiff_batch.io.storage import Store

Nodes = Mapping[str, Mapping[str, Any]]

_NOT_A_ROOT = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


@dataclass(frozen=True, slots=True)
class StoredMosaic:
    """A mosaic in ``store`` (its own root): what its root object says, and its codes.

    ``nodes`` is the consolidated metadata: that of every group and array, by path.
    """

    store: Store
    mosaic: Mosaic
    provenance: Provenance
    attributes: Mapping[str, Any]
    nodes: Nodes

    @property
    def levels(self) -> list[Level]:
        """All levels, native first."""
        return levels_of(self.mosaic)

    def shard_key(self, level: Level, window: Window) -> str:
        """Return the key, below the mosaic, of the shard that a window of a level lies in."""
        return level.key(window)

    def read_shard(self, level: Level, window: Window) -> NDArray[Any] | None:
        """Return what one whole shard holds (h, w), or None where it has no object.

        Raises:
            DamagedObjectError: if the object cannot be decoded.
            ConfigError, RetryableError: as the store does.
        """
        return read_shard(level, window, self.store.read)

    def read(self, level: Level, window: Window) -> NDArray[Any]:
        """Return what a window of whole shards holds, of codes 255 where there is no object.

        Raises:
            DamagedObjectError: if an object cannot be decoded.
        """
        return read_window(level, window, self.store.read)

    def averages(self, source: Level, window: Window) -> NDArray[np.uint8]:
        """Return what a window (h, w) of the level above ``source`` must hold; few shards are read at a time.

        Raises:
            DamagedObjectError: if a shard of ``source`` cannot be decoded.
        """
        codes = np.full((window.height_px, window.width_px), NO_DATA, dtype=np.uint8)
        side = source.shards.shard_px
        for part in window.split(side if side % 2 else side // 2):
            below = self.read(source, pyramid.doubled(part, source.grid))
            codes[part.relative_to(window).slices] = pyramid.halve(below)
        return codes

    def decode_axis(self, path: str, data: bytes) -> NDArray[np.float64]:
        """Return the coordinates (n,) that the one chunk of an axis array holds.

        Raises:
            Exception: whatever zarr and its codecs raise of damaged bytes.
        """
        import zarr
        from zarr.core.buffer import Buffer
        from zarr.core.buffer.cpu import Buffer as CpuBuffer
        from zarr.storage import MemoryStore

        node = json.dumps(self.nodes[path]).encode()
        objects: dict[str, Buffer] = {ROOT: CpuBuffer.from_bytes(node), "c/0": CpuBuffer.from_bytes(data)}
        array = zarr.open_array(MemoryStore(objects), mode="r", zarr_format=3)
        return np.asarray(array[...], dtype=np.float64)


def open_stored(store: Store, name: str = "") -> StoredMosaic:
    """Open the mosaic in a store, complete or not. name: what the ledger calls it.

    Raises:
        FileNotFoundError: if there is no root object.
        DamagedObjectError: if that is not the root of a mosaic of this project.
    """
    return parse_stored(store, name, store.read(ROOT))


def parse_stored(store: Store, name: str, root: bytes) -> StoredMosaic:
    """Return the mosaic that a root object describes.

    Raises:
        DamagedObjectError: as :func:`open_stored`.
    """
    try:
        document = json.loads(root)
        attributes, nodes = document["attributes"], document["consolidated_metadata"]["metadata"]
        provenance = parse_provenance(attributes[conventions.PROVENANCE])
        mosaic = _mosaic(name, provenance, nodes)
        _ = mosaic.block_levels, attributes["multiscales"]["layout"]
        return StoredMosaic(store, mosaic, provenance, attributes, nodes)
    except _NOT_A_ROOT as error:
        raise DamagedObjectError(
            f"it is not the root of a mosaic of this project ({type(error).__name__}: {error})"
        ) from None


def _mosaic(name: str, provenance: Provenance, nodes: Nodes) -> Mosaic:
    tiling = _tiling(provenance, nodes)
    return Mosaic(name, provenance.mosaic_id, provenance.version, _grid(nodes), tiling)


def _grid(nodes: Nodes) -> Grid:
    array = nodes[f"0/{conventions.ARRAY_NAME}"]
    height, width = array["shape"]
    crs_wkt = nodes[f"0/{conventions.GRID_MAPPING}"]["attributes"].get("crs_wkt")
    return Grid(height, width, Transform(*array["attributes"]["spatial:transform"]), crs_wkt)


def _tiling(provenance: Provenance, nodes: Nodes) -> Tiling:
    array, settings = nodes[f"0/{conventions.ARRAY_NAME}"], provenance.pixel_settings
    block, across = array["chunk_grid"]["configuration"]["chunk_shape"]
    chunk, beside = array["codecs"][0]["configuration"]["chunk_shape"]
    if across != block or beside != chunk or int(chunk) < 1:
        raise ValueError(f"its shards of {block} x {across} px have chunks of {chunk} x {beside} px")
    fits = (provenance.pixels_version or FITS_SINCE) >= FITS_SINCE
    return Tiling(int(settings["tile_px"]), int(settings["overlap_px"]), int(block), int(chunk), fits)
