"""The objects of a mosaic that hold no saliency: the metadata of its groups and arrays, and coordinates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from sgddiff_batch.core.fingerprint import canonical_json
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.io.mosaics.shards import ShardSpec

ROOT = "zarr.json"
"""Key of the root group's metadata: written before all others, and again when the mosaic is complete."""
COARSE_SHARD_PX = 2048
"""Least side of a shard of the levels that commit builds, so that they are few objects."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a mosaic's array ``name``: its grid, and how it is cut up."""

    number: int
    grid: Grid
    shards: ShardSpec
    name: str = conventions.ARRAY_NAME

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of the array."""
        return self.grid.height_px, self.grid.width_px

    @property
    def array_path(self) -> str:
        """Path of the array below the root group."""
        return f"{self.number}/{self.name}"

    def key(self, window: Window) -> str:
        """Return the key, below the mosaic, of the shard that a window lies in."""
        return f"{self.array_path}/{self.shards.key(window)}"


def levels_of(mosaic: Mosaic, zstd_level: int = 1) -> list[Level]:
    """Return the levels of a mosaic, native first.

    Levels beyond ``mosaic.block_levels`` get shards of at least 2048 px, or as many of the last block
    level's as make that, so that each is built from whole shards of the level below.
    """
    chunk_px = mosaic.tiling.chunk_px
    last_px = mosaic.shard_px(mosaic.block_levels - 1) or mosaic.tiling.block_px
    coarse_px = last_px * max(1, COARSE_SHARD_PX // last_px)
    return [
        Level(n, mosaic.grid.level(n), ShardSpec(mosaic.shard_px(n) or coarse_px, chunk_px, zstd_level))
        for n in range(mosaic.levels)
    ]


def metadata_objects(
    grid: Grid, levels: list[Level], provenance: Mapping[str, object]
) -> tuple[dict[str, bytes], bytes]:
    """Return the objects of a new mosaic by key, and its root object, which is not yet marked complete.

    The root holds consolidated metadata, so it describes the whole layout.

    Raises:
        TypeError, ValueError: if the provenance is not JSON.
    """
    objects: dict[str, Buffer] = {}
    store = MemoryStore(objects)
    for level in levels:
        _write_level(store, level)
    files = {key: buffer.to_bytes() for key, buffer in objects.items() if key != ROOT}
    attributes = conventions.root_attributes(grid, len(levels), provenance)
    root = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": attributes,
        "consolidated_metadata": _consolidated(files),
    }
    return files, canonical_json(root).encode()


def _write_level(store: MemoryStore, level: Level) -> None:
    grid, group = level.grid, str(level.number)
    zarr.create_group(store, path=group)
    level.shards.create_array(store, level.array_path, level.shape, conventions.saliency_attributes(grid))
    zarr.create_array(
        store,
        name=f"{group}/{conventions.GRID_MAPPING}",
        shape=(),
        dtype="int64",
        fill_value=0,
        attributes=conventions.grid_mapping_attributes(grid),  # type: ignore[arg-type]
    )
    if grid.transform.is_axis_aligned:
        _write_axis(store, group, "y", grid, grid.y_centres())
        _write_axis(store, group, "x", grid, grid.x_centres())


def _write_axis(store: MemoryStore, group: str, name: str, grid: Grid, centres: NDArray[np.float64]) -> None:
    zarr.create_array(
        store,
        name=f"{group}/{name}",
        data=centres,
        chunks=centres.shape,
        fill_value=np.nan,
        dimension_names=(name,),
        attributes=conventions.axis_attributes(grid, name),  # type: ignore[arg-type]
        config={"write_empty_chunks": True},
    )


def _consolidated(files: Mapping[str, bytes]) -> dict[str, object]:
    """Return the consolidated metadata of the root, as zarr-python lays it out.

    Built here because ``zarr.consolidate_metadata`` warns, and lists and reads the whole store.
    """
    nodes = {}
    for key in sorted(files):
        path, _, name = key.rpartition("/")
        if name == ROOT:
            nodes[path] = json.loads(files[key])
            if nodes[path]["node_type"] == "group":
                nodes[path]["consolidated_metadata"] = _inline({})
    return _inline(nodes)


def _inline(nodes: Mapping[str, object]) -> dict[str, object]:
    return {"kind": "inline", "must_understand": False, "metadata": nodes}
