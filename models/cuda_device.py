"""A CUDA device that is kept busy: nothing is copied a tile, and nothing waits but the end of a batch.

A task's pixels go over once, band by band from pinned memory, while the device computes others. Tiles of any
tasks are gathered by one kernel; batches, with what adds them up, follow each other on one stream, the next
ones queued before the last has ended. Codes come back through pinned memory, at the end of a task.

Streams do not wait for each other: a thread waits for the copy or the batch that it queued, and then tells
others. So a tensor is free for reuse only after all that read it, whichever stream that was on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .devices import HostDevice
from .graphs import Capture, GraphedNetwork, Network, capture_graph
from .layouts import TaskPlan
from .room import Room
from .tasks import TaskTensors, as_tensor
from .tile_calls import BatchOf, Part

LANES = 3
"""Batches on the device at once: one is computed, two wait for it."""

TASKS_SHARE = 0.5
"""The share of the memory that is free at the start which tasks may take; the rest is the network's."""

BAND_PX = 1 << 20
"""The fewest pixels that are sent at once, unless there are no more."""

Way = Literal["up", "work", "down"]


class Mark(Protocol):
    """A moment on a stream."""

    def synchronize(self) -> None:
        """Wait until it has passed."""


class Streams(Protocol):
    """What `CudaDevice` asks of CUDA besides PyTorch's operations; a test's stand-in needs no GPU."""

    def on(self, way: Way) -> AbstractContextManager[object]:
        """Queue what is done inside on one of three streams: to the device, computing, or back."""

    def mark(self) -> Mark:
        """The end of what the current stream was given so far."""

    def pinned(self, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """Memory of the host that the device copies from and to by itself, not filled."""

    def free_bytes(self) -> int:
        """The device's memory that nobody has."""


class CudaStreams:
    """The streams of a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._streams: dict[Way, torch.cuda.Stream] = {
            way: torch.cuda.Stream(device)  # type: ignore[no-untyped-call,unused-ignore]
            for way in ("up", "work", "down")
        }

    def on(self, way: Way) -> AbstractContextManager[object]:
        """See `Streams`."""
        return torch.cuda.stream(self._streams[way])

    def mark(self) -> torch.cuda.Event:
        """See `Streams`; who waits for it does not take a core."""
        mark = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call,unused-ignore]
        mark.record()  # type: ignore[no-untyped-call,unused-ignore]
        return mark

    def pinned(self, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """See `Streams`; PyTorch keeps it for the next one when it is dropped."""
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def free_bytes(self) -> int:
        """See `Streams`."""
        return int(torch.cuda.mem_get_info(self._device)[0])


class CudaDevice(HostDevice):
    """A CUDA device, with a network that lies on it, see `Network`.

    capture: makes replays of the network, see `GraphedNetwork`; None to run it call by call.
    """

    def __init__(
        self,
        network: Network,
        batch_tiles: int | BatchOf,
        device: torch.device,
        *,
        streams: Streams | None = None,
        capture: Capture | None = capture_graph,
    ) -> None:
        super().__init__(
            GraphedNetwork(network, capture) if capture else network, batch_tiles, LANES, abreast=1
        )
        self._place, self._streams, self._issuing = device, streams or CudaStreams(device), threading.Lock()
        self.room = Room(int(self._streams.free_bytes() * TASKS_SHARE))

    def place(self, plan: TaskPlan) -> tuple[TaskTensors, Iterator[int]]:
        """See `HostDevice`."""
        with torch.inference_mode(), self._streams.on("up"):
            frame = torch.empty((3, *plan.frame_px), dtype=torch.uint8, device=self._place)
            task = TaskTensors(plan, self._sent(plan.table), frame)
        return task, self._arrivals(plan, task)

    @torch.inference_mode()
    def compute(self, parts: Sequence[Part[TaskTensors]]) -> list[Exception | None]:
        """See `HostDevice`; batches are queued one at a time, and waited for by those who queued them."""
        with self._computing():
            errors = self._attempt(parts)
            mark = self._streams.mark()
        mark.synchronize()
        return errors

    @torch.inference_mode()
    def finish(self, task: TaskTensors) -> NDArray[np.uint8]:
        """See `HostDevice`; the codes lie in pinned memory until they are dropped."""
        with self._streams.on("down"):
            codes = task.finish()
            here = self._streams.pinned(codes.shape, codes.dtype)
            here.copy_(codes, non_blocking=True)
            mark = self._streams.mark()
        mark.synchronize()
        return here.numpy()

    def predict_tiles(self, tiles: NDArray[np.uint8], origins: NDArray[np.int64]) -> NDArray[np.uint8]:
        """See `HostDevice`."""
        with self._computing():
            return super().predict_tiles(tiles, origins)

    def warm(self, tile_px: int) -> None:
        """Load libraries and kernels and capture a graph, which takes seconds, by a batch of black tiles."""
        self.predict_tiles(np.zeros((1, 3, tile_px, tile_px), np.uint8), np.zeros((1, 2), np.int64))

    def _arrivals(self, plan: TaskPlan, task: TaskTensors) -> Iterator[int]:
        for rows, count in plan.bands(BAND_PX):
            with self._sending():
                task.arrive(self._sent(plan.pixels[:, rows]), rows.start)
            yield count
        # The mask is for the end, and goes over while the tiles are computed.
        with self._sending():
            task.present = self._sent(plan.present)

    def _sent(self, array: NDArray[Any]) -> Tensor:
        """Queue a copy to the device on the current stream, by way of pinned memory."""
        source = as_tensor(array)
        pinned = self._streams.pinned(source.shape, source.dtype)
        pinned.copy_(source)
        return pinned.to(self._place, non_blocking=True)

    @contextlib.contextmanager
    def _sending(self) -> Iterator[None]:
        """What is queued inside goes to the device, and is there at the end."""
        with torch.inference_mode(), self._streams.on("up"):
            yield
            mark = self._streams.mark()
        mark.synchronize()

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        """One thread at a time queues batches; float32 throughout, and no choice of kernels by timing."""
        flags = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": False}
        with self._issuing, self._streams.on("work"), torch.backends.cudnn.flags(**flags):
            yield
