"""What zarr-python itself makes of a mosaic's metadata and shards: the reference of ours, byte
for byte but for the spaces of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.core.buffer import Buffer
from zarr.core.buffer.cpu import Buffer as CpuBuffer
from zarr.storage import MemoryStore

from sgddiff_batch.core.fingerprint import canonical_json
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.io.mosaics.metadata import ROOT, Level
from sgddiff_batch.io.mosaics.shards import ShardSpec

_FIRST_SHARD = "c/0/0"


def create_array(
    spec: ShardSpec,
    store: MemoryStore,
    name: str,
    shape: tuple[int, ...],
    attributes: Mapping[str, object] | None = None,
) -> zarr.Array[Any]:
    return zarr.create_array(
        store,
        name=name,
        shape=shape,
        shards=(spec.shard_px, spec.shard_px),
        chunks=(spec.chunk_px, spec.chunk_px),
        dtype=spec.dtype,
        compressors=ZstdCodec(level=spec.zstd_level, checksum=True),
        filters=None,
        fill_value=spec.fill,
        dimension_names=conventions.DIMENSIONS,
        attributes=dict(attributes or {}),
        config={"write_empty_chunks": False},
    )


def array_object(
    spec: ShardSpec, path: str, shape: tuple[int, int], attributes: Mapping[str, object]
) -> bytes:
    """Return the ``zarr.json`` of an array of shards."""
    objects: dict[str, Buffer] = {}
    create_array(spec, MemoryStore(objects), path, shape, attributes)
    return without_spaces(objects[f"{path}/{ROOT}"].to_bytes())


def without_spaces(document: bytes) -> bytes:
    """Return JSON as it is, without the spaces between its parts."""
    return json.dumps(json.loads(document), separators=(",", ":")).encode()


def encode(spec: ShardSpec, codes: NDArray[Any]) -> bytes | None:
    """Return the object of a shard, None where zarr makes none."""
    objects: dict[str, Buffer] = {}
    create_array(spec, MemoryStore(objects), "", codes.shape)[...] = codes
    return objects[_FIRST_SHARD].to_bytes() if _FIRST_SHARD in objects else None


def decode(spec: ShardSpec, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
    """Return the codes of a shard's object; raises whatever zarr raises."""
    objects: dict[str, Buffer] = {}
    array = create_array(spec, MemoryStore(objects), "", shape)
    objects[_FIRST_SHARD] = CpuBuffer.from_bytes(data)
    return np.asarray(array[...], dtype=spec.dtype)


def metadata_objects(
    grid: Grid, levels: list[Level], provenance: Mapping[str, object]
) -> tuple[dict[str, bytes], bytes]:
    """Return the objects of a new mosaic by key, and its root object."""
    objects: dict[str, Buffer] = {}
    store = MemoryStore(objects)
    for level in levels:
        _write_level(store, level)
    found = {key: buffer.to_bytes() for key, buffer in objects.items() if key != ROOT}
    files = {key: without_spaces(data) if key.endswith(ROOT) else data for key, data in found.items()}
    return files, root_object(grid, len(levels), files, provenance)


def root_object(
    grid: Grid, levels: int, files: Mapping[str, bytes], provenance: Mapping[str, object]
) -> bytes:
    """Return the root of a mosaic of these objects."""
    nodes = {}
    for key in sorted(files):
        path, _, name = key.rpartition("/")
        if name == ROOT:
            nodes[path] = json.loads(files[key])
            if nodes[path]["node_type"] == "group":
                nodes[path]["consolidated_metadata"] = _inline({})
    root = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": conventions.root_attributes(grid, levels, provenance),
        "consolidated_metadata": _inline(nodes),
    }
    return canonical_json(root).encode()


def _inline(nodes: Mapping[str, object]) -> dict[str, object]:
    return {"kind": "inline", "must_understand": False, "metadata": nodes}


def _write_level(store: MemoryStore, level: Level) -> None:
    grid, group = level.grid, str(level.number)
    zarr.create_group(store, path=group)
    attributes = conventions.saliency_attributes(grid)
    create_array(level.shards, store, level.array_path, level.shape, attributes)
    zarr.create_array(
        store,
        name=f"{group}/{conventions.GRID_MAPPING}",
        shape=(),
        dtype="int64",
        fill_value=0,
        attributes=conventions.grid_mapping_attributes(grid),
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
        attributes=conventions.axis_attributes(grid, name),
        config={"write_empty_chunks": True},
    )
