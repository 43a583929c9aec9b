"""A task on its device: tiles are cut from its pixels, and their codes added to its sums, in integers.

Nothing here asks the device for a number, so on CUDA all of it is queued behind what is queued already. The
NumPy reference is `blend` in the main package; both give the same bytes.
"""

from __future__ import annotations

import threading
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from .layouts import NO_DATA, TaskPlan

LEVELS = 254


class TaskTensors:
    """The pixels of a task with what is reflected past their end, the sums of its codes, and its table.

    frame (3, rows, columns) uint8: given whole where nothing is reflected, otherwise filled by `arrive`;
    table: the plan's integers on the same device; present (h, w) bool: the mask of the target, once it is
    there. `add` may be called from several threads.
    """

    present: Tensor | None = None

    def __init__(self, plan: TaskPlan, table: Tensor, frame: Tensor) -> None:
        self._plan, self._frame, self._lock = plan, frame, threading.Lock()
        longest = plan.tile_px
        places, starts, origins, down, along, self._below, self._right = torch.split(table, list(plan.parts))
        self._places, self._starts, self._origins = (part.view(-1, 2) for part in (places, starts, origins))
        self._down, self._along = (part.view(-1, longest).to(torch.int32) for part in (down, along))
        self._steps = torch.arange(longest, device=table.device)
        self._sums = torch.zeros(plan.frame_px[0] * plan.frame_px[1], dtype=torch.int32, device=table.device)

    @property
    def plan(self) -> TaskPlan:
        """What it was made from."""
        return self._plan

    def arrive(self, band: Tensor, first: int) -> None:
        """Put rows `first` ... of the pixels, (3, n, W) uint8, into the frame, and what they reflect."""
        rows, width = band.shape[1:]
        self._frame[:, first : first + rows, :width] = band
        if len(self._right):
            self._frame[:, first : first + rows, width:] = band.index_select(2, self._right)
        height = self._plan.pixels.shape[1]
        if first + rows == height and len(self._below):
            self._frame[:, height:] = self._frame.index_select(1, self._below)

    def tiles(self, first: int, last: int) -> list[Tensor]:
        """Wanted tiles first..last as views (3, h, w) of the frame."""
        starts, shapes = self._plan.starts[first:last], self._plan.shapes[first:last]
        return [
            self._frame[:, row : row + height, column : column + width]
            for (row, column), (height, width) in zip(starts, shapes, strict=True)
        ]

    def origins(self, first: int, last: int) -> Tensor:
        """(n, 2) int64 absolute (row, column) of wanted tiles first..last in the mosaic."""
        return self._origins[first:last]

    def add(self, codes: Tensor, first: int, last: int) -> None:
        """Add the weighted codes (n, h, w) uint8 of wanted tiles first..last, which have one shape.

        One kernel; in any order.
        """
        places, corners = self._places[first:last], self._starts[first:last]
        height, width = codes.shape[1:]
        rows = (corners[:, :1] + self._steps[:height]) * self._plan.frame_px[1]
        where = rows[:, :, None] + (corners[:, 1:] + self._steps[:width])[:, None, :]
        down, along = self._down[places[:, 0], :height], self._along[places[:, 1], :width]
        parts = (down[:, :, None] * along[:, None, :]).mul_(codes)
        with self._lock:
            self._sums.scatter_add_(0, where.flatten(), parts.flatten())

    def finish(self) -> Tensor:
        """The weighted mean of the tiles, rounded half up, (h, w) uint8; 255 where nothing is present.

        Uses up the sums.
        """
        assert self.present is not None, "the mask has not arrived"
        total = self._plan.weight_total
        part = self._sums.view(self._plan.frame_px)[self._plan.target]
        part.add_(total // 2).div_(total, rounding_mode="floor")
        return part.to(torch.uint8).masked_fill_(~self.present, NO_DATA)


def place_on_host(plan: TaskPlan) -> TaskTensors:
    """The task on a CPU; its pixels are used as they lie, unless something is reflected past their end."""
    pixels, table = as_tensor(plan.pixels), torch.from_numpy(plan.table)
    if plan.frame_px == plan.pixels.shape[1:]:
        task = TaskTensors(plan, table, pixels)
    else:
        task = TaskTensors(plan, table, torch.empty((3, *plan.frame_px), dtype=torch.uint8))
        task.arrive(pixels, 0)
    task.present = as_tensor(plan.present)
    return task


def as_tensor(array: NDArray[Any]) -> Tensor:
    """The array's memory as a tensor; a copy where it is read-only or not in order, which PyTorch refuses."""
    fit = array if array.flags.writeable and min(array.strides, default=0) >= 0 else array.copy()
    return torch.from_numpy(fit)


def quantise(saliency: Tensor) -> Tensor:
    """Probabilities in 0..1 to `floor(254 p + 0.5)`, uint8."""
    return torch.floor(saliency * LEVELS + 0.5).to(torch.uint8)
