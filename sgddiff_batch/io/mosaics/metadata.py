"""The objects of a mosaic that hold no saliency: the metadata of its groups and arrays, and coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from sgddiff_batch.core.fingerprint import canonical_json
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics import conventions
from sgddiff_batch.io.mosaics.nodes import LITTLE, Node, array_node, group_node, node_bytes, zstd
from sgddiff_batch.io.mosaics.shards import ShardSpec

ROOT = "zarr.json"
"""Key of the root group's metadata: written before all others, and again when the mosaic is complete."""
COARSE_SHARD_PX = 2048
"""Least side of a shard of the levels that commit builds, so that they are few objects."""

_PLAIN = [LITTLE, zstd(0, checksum=False)]
"""The codecs of arrays that are no saliency: what zarr-python takes by itself."""


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
    grid: Grid,
    levels: list[Level],
    provenance: Mapping[str, object],
    others: Mapping[str, Node] | None = None,
    claim: Mapping[str, str] | None = None,
) -> tuple[dict[str, bytes], bytes]:
    """Return the objects of a new mosaic by key, and its root object, which is not yet marked complete.

    The root holds consolidated metadata, so it describes the whole layout. others: arrays, by path, that
    the mosaic has beside those of every mosaic. claim: the root's attribute of who makes it.

    Raises:
        TypeError, ValueError: if the provenance is not JSON.
    """
    nodes: dict[str, Node] = {}
    chunks: dict[str, bytes] = {}
    for level in levels:
        _add_level(nodes, chunks, level)
    nodes |= others or {}
    root = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {**conventions.root_attributes(grid, len(levels), provenance), **(claim or {})},
        "consolidated_metadata": _inline({path: _described(node) for path, node in nodes.items()}),
    }
    files = {f"{path}/{ROOT}": node_bytes(node) for path, node in nodes.items()}
    return files | chunks, canonical_json(root).encode()


def _add_level(nodes: dict[str, Node], chunks: dict[str, bytes], level: Level) -> None:
    grid, group = level.grid, str(level.number)
    nodes[group] = group_node()
    nodes[level.array_path] = level.shards.node(level.shape, conventions.saliency_attributes(grid))
    mapping = conventions.grid_mapping_attributes(grid)
    nodes[f"{group}/{conventions.GRID_MAPPING}"] = array_node("int64", (), (), 0, _PLAIN, mapping)
    if not grid.transform.is_axis_aligned:
        return
    for name, centres in (("y", grid.y_centres()), ("x", grid.x_centres())):
        path, attributes = f"{group}/{name}", conventions.axis_attributes(grid, name)
        nodes[path] = array_node("float64", centres.shape, centres.shape, "NaN", _PLAIN, attributes, (name,))
        chunks[f"{path}/c/0"] = _encoded(centres)


def _encoded(centres: NDArray[np.float64]) -> bytes:
    """Return the object of the one chunk of an axis, by ``_PLAIN``."""
    return bytes(Zstd(level=0).encode(centres.astype("<f8", copy=False)))


def _described(node: Node) -> Node:
    """Return a node as the consolidated metadata of the root has it, as zarr-python lays it out.

    Made here because ``zarr.consolidate_metadata`` warns, and lists and reads the whole store.
    """
    return node | {"consolidated_metadata": _inline({})} if node["node_type"] == "group" else node


def _inline(nodes: Mapping[str, object]) -> Node:
    return {"kind": "inline", "must_understand": False, "metadata": nodes}
