"""Shards: the arrays of a mosaic's levels, and the bytes of one shard.

Made here, byte for byte as zarr-python's sharding codec makes them: its arrays take milliseconds for a shard
of one chunk, and fetch the old object before every write of a shard, even of a whole one; what is read back
there is what a concurrent or killed writer left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Literal

import google_crc32c
import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from sgddiff_batch.core.blending import NO_DATA
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.conventions import DIMENSIONS
from sgddiff_batch.io.mosaics.nodes import CRC32C, LITTLE, Node, array_node, zstd

_MISSING = 2**64 - 1
"""Offset and length, in a shard's index, of a chunk of nothing but fill values."""
_CRC_BYTES = 4


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

    def node(self, shape: tuple[int, int], attributes: Mapping[str, object]) -> Node:
        """Return the metadata of an (h, w) array of codes."""
        number: Node = {"name": "bytes"} if self.dtype == "uint8" else LITTLE
        sharding: Node = {
            "chunk_shape": [self.chunk_px, self.chunk_px],
            "codecs": [number, zstd(self.zstd_level, checksum=True)],
            "index_codecs": [LITTLE, CRC32C],
            "index_location": "end",
        }
        codecs: list[Node] = [{"name": "sharding_indexed", "configuration": sharding}]
        shard_shape = (self.shard_px, self.shard_px)
        return array_node(self.dtype, shape, shard_shape, self.fill, codecs, attributes, DIMENSIONS)

    def key(self, window: Window) -> str:
        """Return the key, relative to its array, of the shard that a window lies in."""
        return f"c/{window.row_start // self.shard_px}/{window.col_start // self.shard_px}"

    def encode(self, codes: NDArray[Any]) -> bytes | None:
        """Return the object of one shard, or None if all of it is ``fill`` and it needs no object.

        codes: (h, w), smaller than the shard only where the shard reaches past the array's far edges.

        Raises:
            ValueError: if they are more than the shard holds.
        """
        height, width = codes.shape
        self._check(height, width)
        codes = codes.astype(self._stored, copy=False)
        index = np.full((self._side, self._side, 2), _MISSING, dtype="<u8")
        codec, parts, offset = self._codec, [], 0
        for row, col in self._places(height, width):
            chunk = codes[self._slices(row, col)]
            if (chunk == self.fill).all():
                continue
            part = codec.encode(self._whole(chunk))
            index[row, col] = offset, len(part)
            parts.append(part)
            offset += len(part)
        if not parts:
            return None
        data = index.tobytes()
        return b"".join([*parts, data, _crc32c(data)])

    def decode(self, data: bytes, shape: tuple[int, int]) -> NDArray[Any]:
        """Return the codes (h, w) of a shard's object.

        Takes no more memory than the codes and a chunk, whatever the object says.

        Raises:
            ValueError, RuntimeError: if the object is damaged.
        """
        self._check(*shape)
        index, view = self._index(data), memoryview(data)
        values = np.full(shape, self.fill, dtype=self.dtype)
        chunk = np.empty((self.chunk_px, self.chunk_px), dtype=self._stored)
        for row, col in self._places(*shape):
            offset, size = index[row][col]
            if (offset, size) == (_MISSING, _MISSING):
                continue
            part = view[offset : offset + size]
            if len(part) != size or _claimed_bytes(part) != chunk.nbytes:
                raise ValueError(f"the object has no chunk ({row}, {col})")
            self._codec.decode(part, out=chunk)
            target = values[self._slices(row, col)]
            target[...] = chunk[: target.shape[0], : target.shape[1]]
        return values

    @property
    def _side(self) -> int:
        return self.shard_px // self.chunk_px

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def _codec(self) -> Zstd:
        return Zstd(level=self.zstd_level, checksum=True)

    def _check(self, height: int, width: int) -> None:
        if max(height, width) > self.shard_px:
            raise ValueError(f"{height} x {width} codes are more than a shard of {self.shard_px} px holds")

    def _places(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return the chunks, (row, column), that (h, w) codes reach into, in the order of their bytes."""
        rows, cols = -(-height // self.chunk_px), -(-width // self.chunk_px)
        return [place for place in _z_order(self._side) if place[0] < rows and place[1] < cols]

    def _slices(self, row: int, col: int) -> tuple[slice, slice]:
        px = self.chunk_px
        return slice(row * px, (row + 1) * px), slice(col * px, (col + 1) * px)

    def _whole(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """Return a chunk in C order, with the fill value where it reaches past the array's far edges."""
        height, width = chunk.shape
        if height == width == self.chunk_px:
            return np.ascontiguousarray(chunk)
        whole = np.full((self.chunk_px, self.chunk_px), self.fill, dtype=chunk.dtype)
        whole[:height, :width] = chunk
        return whole

    def _index(self, data: bytes) -> list[list[list[int]]]:
        """Return offset and length, by row and column, of the chunks of a shard's object."""
        size = self._side**2 * 16 + _CRC_BYTES
        index, crc = data[-size:-_CRC_BYTES], data[-_CRC_BYTES:]
        if len(data) < size or crc != _crc32c(index):
            raise ValueError(f"the object's index does not have its checksum ({len(data)} bytes)")
        found: list[list[list[int]]]
        found = np.frombuffer(index, dtype="<u8").reshape(self._side, self._side, 2).tolist()
        return found


@lru_cache(maxsize=16)
def _z_order(side: int) -> tuple[tuple[int, int], ...]:
    """Return the places of a square in Morton order: bits of row and column in turns, the row's lowest."""

    def code(place: tuple[int, ...]) -> int:
        row, col = place
        bits = range(side.bit_length())
        return sum(((row >> bit & 1) << 2 * bit) + ((col >> bit & 1) << 2 * bit + 1) for bit in bits)

    return tuple((row, col) for row, col in sorted(product(range(side), repeat=2), key=code))


def _crc32c(data: bytes) -> bytes:
    return int(google_crc32c.value(data)).to_bytes(_CRC_BYTES, "little")


def _claimed_bytes(frame: memoryview) -> int | None:
    """Return how many bytes a zstd frame's header (RFC 8878) says that it holds, None if it does not.

    The library would make room for that before it looks at the rest.
    """
    if bytes(frame[:4]) != b"\x28\xb5\x2f\xfd" or len(frame) < 5:
        return None
    kind, one_segment, names = frame[4] >> 6, frame[4] >> 5 & 1, frame[4] & 3
    size = (one_segment, 2, 4, 8)[kind]
    start = 5 + (1 - one_segment) + (0, 1, 2, 4)[names]
    field = bytes(frame[start : start + size])
    if not size or len(field) < size:
        return None
    return int.from_bytes(field, "little") + (256 if size == 2 else 0)
