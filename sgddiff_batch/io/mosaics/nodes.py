"""Nodes: the ``zarr.json`` of a mosaic's groups and arrays.

Plain dictionaries, for zarr-python takes a millisecond to make an array; a test compares them with its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Node = dict[str, object]

LITTLE: Node = {"name": "bytes", "configuration": {"endian": "little"}}
"""The codec of numbers of several bytes; those of one byte have no order."""
CRC32C: Node = {"name": "crc32c"}


def zstd(level: int, *, checksum: bool) -> Node:
    """Return the codec zstd; level 0 is that library's default."""
    return {"name": "zstd", "configuration": {"level": level, "checksum": checksum}}


def group_node() -> Node:
    """Return a group without attributes."""
    return {"attributes": {}, "zarr_format": 3, "node_type": "group"}


def array_node(
    dtype: str,
    shape: Sequence[int],
    chunk_shape: Sequence[int],
    fill: int | str,
    codecs: Sequence[Node],
    attributes: Mapping[str, object],
    dimensions: Sequence[str] = (),
) -> Node:
    """Return an array of a regular grid of chunks. fill: as JSON has it, "NaN" of floats.

    dimensions: the names of its axes; none where it has no axes.
    """
    return {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": list(codecs),
        "attributes": dict(attributes),
        **({"dimension_names": list(dimensions)} if dimensions else {}),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }


def node_bytes(node: Node) -> bytes:
    """Return the object of a node: JSON without spaces, as the root is; indented it takes ten times as long.

    Raises:
        TypeError, ValueError: if it is not JSON.
    """
    return json.dumps(node, separators=(",", ":")).encode()
