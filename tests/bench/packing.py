"""How full batches are: small scenes against one big one, on a stand-in for a device.

    python -m tests.bench.packing [--scenes 2000] [--size 300] [--threads 40] [--batch 16] [--seconds 0.053]

A batch of the stand-in takes the same time however full it is, as one of a GPU does. Printed: tiles a second
and how full the batches were, of one scene of as many tiles, and of the small ones by that many threads.
Pixels are those of a sixth of each side: gathering and blending are the stand-in's work here, not a GPU's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from models.cuda_device import LANES
from models.devices import HostDevice
from models.predictor import TaskPredictor
from models.processes import prepare_process
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window
from tests.kit.devices import SlowNetwork, first_band

SCALE = 6
TILE_PX, OVERLAP_PX, TASK_PX = 576 // SCALE, 64 // SCALE, 4096 // SCALE


@dataclass(frozen=True, slots=True)
class Packed:
    """What a predictor did: tiles, batches, and in how many seconds."""

    tiles: int
    batches: int
    seconds: float

    @property
    def rate(self) -> float:
        """Tiles a second."""
        return self.tiles / self.seconds

    def fill(self, batch_tiles: int) -> float:
        """The share of places that held a tile."""
        return self.tiles / self.batches / batch_tiles


def main(arguments: list[str] | None = None) -> int:
    """Print both rates, both fills and the share of the rates."""
    options = _parser().parse_args(arguments)
    big, small = measure(options.scenes, options.size, options.threads, options.batch, options.seconds)
    print(f"big_scene_rate {big.rate:.1f} tiles/s, batches {big.fill(options.batch):.2f} full")
    print(f"small_scene_rate {small.rate:.1f} tiles/s, batches {small.fill(options.batch):.2f} full")
    print(f"share {small.rate / big.rate:.2f}")
    return 0


def measure(
    scenes: int = 2000, size_px: int = 300, threads: int = 40, batch: int = 16, seconds: float = 0.053
) -> tuple[Packed, Packed]:
    """Return what a predictor did of one big scene, and of so many small ones by so many threads.

    seconds: what a batch takes on the stand-in device, however full it is.
    """
    prepare_process()
    device = HostDevice(SlowNetwork(seconds, first_band), batch, lanes=LANES, abreast=1)
    predictor = TaskPredictor.on(device)
    big = measured(predictor, lambda: predict_big(predictor, scenes))
    small = measured(predictor, lambda: predict_small(predictor, scenes, size_px // SCALE, threads))
    predictor.close()
    return big, small


def measured(predictor: TaskPredictor, work: Callable[[], None]) -> Packed:
    """What the predictor did for some work."""
    tiles, batches, began = predictor.queue.tiles, predictor.queue.batches, time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return Packed(predictor.queue.tiles - tiles, predictor.queue.batches - batches, seconds)


def predict_big(predictor: TaskPredictor, tiles: int) -> None:
    """One scene of at least so many tiles, in tasks of at most 64, two at a time."""
    columns = 8
    rows = -(-tiles // columns)
    height, width = (n * (TILE_PX - OVERLAP_PX) + OVERLAP_PX for n in (rows, columns))
    lattice = Lattice(height, width, TILE_PX, OVERLAP_PX)

    def work(window: Window) -> None:
        halo = lattice.halo(window)
        shape = (halo.row_stop - halo.row_start, halo.col_stop - halo.col_start)
        pixels = np.full((3, *shape), 100, np.uint8)
        predictor.predict(pixels, np.ones(shape, bool), lattice.task_tiles(window))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, Window(0, height, 0, width).split(TASK_PX)))


def predict_small(predictor: TaskPredictor, scenes: int, size_px: int, threads: int) -> None:
    """So many scenes of one size, by so many threads."""
    tiles = Lattice(size_px, size_px, TILE_PX, OVERLAP_PX).task_tiles(Window(0, size_px, 0, size_px))
    pixels, valid = np.full((3, size_px, size_px), 100, np.uint8), np.ones((size_px, size_px), bool)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: predictor.predict(pixels, valid, tiles), range(scenes)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.packing")
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument(
        "--size", type=int, default=300, help="side of a small scene, in pixels (%(default)s)"
    )
    parser.add_argument("--threads", type=int, default=40, help="that call at once (%(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="tiles (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.053, help="that a batch takes (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
