"""Where batches are computed: here on a CPU, or on what behaves like one; on CUDA see `cuda_device`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .graphs import Network
from .layouts import TaskPlan
from .room import Room
from .tasks import TaskTensors, as_tensor, place_on_host
from .tile_calls import BatchOf, Part, batches_of


class HostDevice:
    """A CPU: nothing is copied, and each of `lanes` threads computes a batch by itself.

    network: see `Network`; it is called by several threads at once. batch_tiles: of every batch, or how many
    one of a shape has. abreast: fewer than the lanes where the network itself works one batch after the
    other, as a stand-in for another device does. is_filled: whether all batches of a shape have that size.
    """

    def __init__(
        self,
        network: Network,
        batch_tiles: int | BatchOf,
        lanes: int = 1,
        abreast: int | None = None,
        is_filled: bool = True,
    ) -> None:
        self.batch_of = batches_of(batch_tiles)
        self.lanes, self.abreast = lanes, abreast or lanes
        self.room, self._is_filled = Room(), is_filled
        self._network, self._place = network, torch.device("cpu")
        self._black: dict[torch.Size, Tensor] = {}

    def place(self, plan: TaskPlan) -> tuple[TaskTensors, Iterator[int]]:
        """A task on the device, and how many more of its tiles are there, each time that some are."""
        return place_on_host(plan), iter([len(plan.starts)])

    @torch.inference_mode()
    def compute(self, parts: Sequence[Part[TaskTensors]]) -> list[Exception | None]:
        """Compute a batch and add it to its tasks; returns at its end what went wrong with each part."""
        return self._attempt(parts)

    @torch.inference_mode()
    def finish(self, task: TaskTensors) -> NDArray[np.uint8]:
        """The codes of a task's target, all of whose tiles have been computed; uses up its sums."""
        return task.finish().numpy()

    @torch.inference_mode()
    def predict_tiles(self, tiles: NDArray[np.uint8], origins: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Codes (B, h, w) of tiles (B, 3, h, w) at origins (B, 2), in the calling thread."""
        height, width = tiles.shape[2:]
        step = self.batch_of((height, width))
        pixels = as_tensor(tiles).to(self._place)
        places = as_tensor(np.asarray(origins, dtype=np.int64)).to(self._place)
        parts = [
            self._run(list(pixels[k : k + step]), [places[k : k + step]]).cpu()
            for k in range(0, len(pixels), step)
        ]
        return torch.cat(parts).numpy() if parts else np.zeros((0, *tiles.shape[2:]), np.uint8)

    def warm(self, tile_px: int) -> None:
        """Have done what only the first batch of square tiles of a size does."""

    def _attempt(self, parts: Sequence[Part[TaskTensors]]) -> list[Exception | None]:
        try:
            tiles = [tile for part in parts for tile in part.task.tiles(part.first, part.last)]
            codes = self._run(tiles, [part.task.origins(part.first, part.last) for part in parts])
        except Exception as error:
            # One of them may be to blame: each is tried by itself before any is given up.
            return [error] if len(parts) == 1 else [self._attempt([part])[0] for part in parts]
        ends = np.cumsum([part.count for part in parts]).tolist()
        return [_failure(part, codes[end - part.count : end]) for part, end in zip(parts, ends, strict=True)]

    def _run(self, tiles: list[Tensor], origins: list[Tensor]) -> Tensor:
        """Codes (n, h, w) of n tiles (3, h, w); black tiles fill the batch up to its fixed size."""
        count, shape = len(tiles), tiles[0].shape
        missing = self.batch_of((shape[1], shape[2])) - count if self._is_filled else 0
        if missing:
            tiles = tiles + [self._black_tile(shape)] * missing
            origins = [*origins, origins[0].new_zeros(missing, 2)]
        return self._network(torch.stack(tiles), torch.cat(origins))[:count]

    def _black_tile(self, shape: torch.Size) -> Tensor:
        if shape not in self._black:
            self._black[shape] = torch.zeros(shape, dtype=torch.uint8, device=self._place)
        return self._black[shape]


def _failure(part: Part[TaskTensors], codes: Tensor) -> Exception | None:
    """Add a part's codes to its task; returns what went wrong."""
    try:
        part.task.add(codes, part.first, part.last)
    except Exception as error:
        return error
    return None
