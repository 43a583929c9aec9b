"""Shards: the arrays of a mosaic's levels, and the bytes of one shard.

Zarr is used as a codec, over memory. Writing through an array of the real store would be simpler, but
zarr-python 3.1 fetches the old object before every write of a shard, even of a whole one, and what is read
back is what a concurrent or killed writer left there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.core.buffer import Buffer
from zarr.core.buffer.cpu import Buffer as CpuBuffer
from zarr.storage import MemoryStore

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.conventions import DIMENSIONS

_FIRST_SHARD = "c/0/0"


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """How the codes of a level are cut up: square shards of square chunks, zstd at ``zstd_level``.

    ``dtype`` and ``fill`` are for arrays of something else than codes, such as counts.

    Raises:
        ValueError: if a shard is not made of whole chunks.
    """

    shard_px: int
    chunk_px: int
    zstd_level: int = 1
    dtype: Literal["uint8", "uint16"] = "uint8"
    fill: int = NO_DATA

    def __post_init__(self) -> None:
        if self.chunk_px < 1 or self.shard_px < 1 or self.shard_px % self.chunk_px:
            raise ValueError(f"a shard needs whole chunks, got {self.shard_px} px of {self.chunk_px} px")

    def create_array(
        self,
        store: MemoryStore,
        name: str,
        shape: tuple[int, int],
        attributes: Mapping[str, object] | None = None,
    ) -> zarr.Array[Any]:
        """Create an empty (h, w) array of codes in a memory store."""
        return zarr.create_array(
            store,
            name=name,
            shape=shape,
            shards=(self.shard_px, self.shard_px),
            chunks=(self.chunk_px, self.chunk_px),
            dtype=self.dtype,
            compressors=ZstdCodec(level=self.zstd_level, checksum=True),
            filters=None,
            fill_value=self.fill,
            dimension_names=DIMENSIONS,
            attributes=dict(attributes or {}),  # type: ignore[arg-type]
            config={"write_empty_chunks": False},
        )

    def key(self, window: Window) -> str:
        """Return the key, relative to its array, of the shard that a window lies in."""
        return f"c/{window.row_start // self.shard_px}/{window.col_start // self.shard_px}"

    def encode(self, codes: NDArray[Any]) -> bytes | None:
        """Return the object of one shard, or None if all of it is ``fill`` and it needs no object.

        codes: (h, w), smaller than the shard only where the shard reaches past the array's far edges.
        """
        if np.all(codes == self.fill):
            return None
        objects: dict[str, Buffer] = {}
        self._alone(objects, codes.shape)[...] = codes
        return objects[_FIRST_SHARD].to_bytes()

    def decode(self, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
        """Return the codes (h, w) of a shard's object.

        Raises:
            ValueError, RuntimeError: if the object is damaged.
        """
        if not data:  # which zarr takes for a shard of nothing but fill values
            raise ValueError("the object is empty")
        objects: dict[str, Buffer] = {}
        array = self._alone(objects, shape)
        objects[_FIRST_SHARD] = CpuBuffer.from_bytes(data)
        return np.asarray(array[...], dtype=self.dtype)

    def _alone(self, objects: dict[str, Buffer], shape: tuple[int, ...]) -> zarr.Array[Any]:
        """Return an array over ``objects`` that holds one shard and nothing else."""
        height, width = shape
        if max(height, width) > self.shard_px:
            raise ValueError(f"{height} x {width} codes are more than a shard of {self.shard_px} px holds")
        return self.create_array(MemoryStore(objects), "", (height, width))
