"""A network that is no network: bright is salient. For tests of all that is around one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import MAX_CODE, blend
from sgddiff_batch.core.tiling import TaskTiles
from sgddiff_batch.protocols import NetworkFacts
from sgddiff_batch.runs import Run, RunEnd


class Brightness:
    """A predictor: the code of a pixel is the mean of its bands."""

    def predict(
        self, pixels: NDArray[np.uint8], valid: NDArray[np.bool_], tiles: TaskTiles, /
    ) -> NDArray[np.uint8]:
        return blend(_brightness, pixels, valid, tiles)


def _brightness(tile: NDArray[np.uint8], origin: tuple[int, int]) -> NDArray[np.uint8]:
    return np.minimum(tile.mean(0), MAX_CODE).astype(np.uint8)


@dataclass(frozen=True)
class BrightNetwork:
    """Gives it, and notes what it is asked, in this process."""

    asked: list[str] = field(default_factory=list)

    def device(self) -> str:
        self.asked.append("device")
        return "cpu"

    def describe(self, device: str) -> NetworkFacts:
        self.asked.append("describe")
        return NetworkFacts({"digest": "b" * 64, "device": device}, batch_tiles=1, at_once=2, bytes_per_px=10)

    def load(self, device: str, predictors: int = 1) -> Brightness:
        self.asked.append("load")
        return Brightness()


@dataclass
class KeptView:
    """Keeps what a run shows."""

    runs: list[Run] = field(default_factory=list)
    ends: list[RunEnd] = field(default_factory=list)
    tiles_done: int = 0
    scenes_done: int = 0

    def planned(self, run: Run) -> None:
        self.runs.append(run)

    @contextmanager
    def progress(self, scenes: int, tiles: int) -> Iterator[KeptView]:
        yield self

    def tiles(self, count: int) -> None:
        self.tiles_done += count

    def scene(self) -> None:
        self.scenes_done += 1

    def ended(self, end: RunEnd) -> None:
        self.ends.append(end)
