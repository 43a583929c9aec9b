"""Stand-ins for a device: batches that cost the same however full they are, and streams without CUDA."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.graphs import Network


def place_codes(tiles: Tensor, origins: Tensor) -> Tensor:
    """Codes (B, T, T) that tell where a tile lies and each pixel apart: one tile for another is seen."""
    places = (origins[:, 0] * 7 + origins[:, 1] * 3)[:, None, None]
    return ((tiles.to(torch.int64).sum(1) + places) % 255).to(torch.uint8)


def first_band(tiles: Tensor, origins: Tensor) -> Tensor:
    """Codes (B, T, T) that cost nothing to make."""
    return tiles[:, 0].clamp(max=254)


def place_codes_of_one(tile: NDArray[np.uint8], origin: tuple[int, int]) -> NDArray[np.uint8]:
    """The same for one tile (3, T, T), in NumPy: a tile function of `blend`."""
    return ((tile.astype(np.int64).sum(0) + origin[0] * 7 + origin[1] * 3) % 255).astype(np.uint8)


@dataclass
class SlowNetwork:
    """A network on a device that computes one batch after the other, each in the same time; counts them."""

    seconds: float
    codes: Network = place_codes
    batches: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, tiles: Tensor, origins: Tensor) -> Tensor:
        with self.lock:
            time.sleep(self.seconds)
            self.batches += 1
        return self.codes(tiles, origins)


class _Passed:
    def __init__(self, waits: list[str], way: str) -> None:
        self._waits, self._way = waits, way

    def synchronize(self) -> None:
        self._waits.append(self._way)


class PlainStreams:
    """Streams on which all is done at once; notes what was waited for, by stream, and what was pinned."""

    def __init__(self, free_bytes: int = 1 << 40) -> None:
        self.waits: list[str] = []
        self.pinned_bytes: list[int] = []
        self._free_bytes, self._here = free_bytes, threading.local()

    @contextmanager
    def on(self, way):
        before, self._here.way = getattr(self._here, "way", None), way
        try:
            yield
        finally:
            self._here.way = before

    def mark(self) -> _Passed:
        assert self._here.way is not None, "a mark on no stream"
        return _Passed(self.waits, self._here.way)

    def pinned(self, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        assert self._here.way in ("up", "down"), "a copy on no stream"
        self.pinned_bytes.append(shape.numel() * dtype.itemsize)
        return torch.empty(shape, dtype=dtype)

    def free_bytes(self) -> int:
        return self._free_bytes
