"""What it costs to measure a scene's stretch, beside the job's work on that scene: reading and the network.

    python -m tests.bench.stretch [--size 10980] [--blocks 512] [--bands 3] [--tiles 3]

A scene of uint16 noise is written to a temporary folder and profiled in turns with a measured and with a
given stretch; reading it whole and a few tiles of the shipped network, on one thread, give the job's time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window as RasterioWindow

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader

TURNS = 3


def main() -> int:
    """Print seconds of profile, reading and network, and the share of the stretch in their sum."""
    options = _parse()
    with tempfile.TemporaryDirectory() as folder:
        path = draw_scene(Path(folder) / "scene.tif", options.size, options.blocks, options.bands)
        scene = Scene("scene.tif", str(path), "v1", path.stat().st_size)
        auto, given = GeoTiffReader(), GeoTiffReader(stretch=(0.0, 4000.0))
        pairs = [
            (seconds(lambda: auto.profile(scene)), seconds(lambda: given.profile(scene)))
            for _ in range(TURNS)
        ]
        stretch_s = statistics.median(with_it - without for with_it, without in pairs)
        profile = given.profile(scene)
        read_s = sum(
            seconds(lambda part=part: given.read(scene, profile, part)) for part in _parts(options.size)
        )
    tile_s, count = tile_seconds(options.tiles), tiles_of(options.size)
    job_s = read_s + tile_s * count
    print(
        f"{options.size} x {options.size} px, {options.bands} bands of uint16, blocks of {options.blocks} px"
    )
    print(f"stretch {stretch_s:.2f} s; reading {read_s:.1f} s; network {count} x {tile_s:.3f} s")
    print(f"the stretch is {stretch_s / job_s:.2%} of {job_s:.0f} s")
    return 0


def draw_scene(path: Path, size_px: int, block_px: int, bands: int) -> Path:
    """Write smooth uint16 noise as a tiled GeoTIFF; it compresses about as much as imagery does."""
    rng = np.random.default_rng(7)
    layout = {
        "tiled": True,
        "blockxsize": block_px,
        "blockysize": block_px,
        "compress": "deflate",
        "predictor": 2,
    }
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=bands, height=size_px, width=size_px,
        interleave="pixel", crs="EPSG:32633", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), **layout,
    ) as dataset:  # fmt: skip
        for row in range(0, size_px, block_px):
            rows = min(block_px, size_px - row)
            strip = rng.normal(1500, 300, (bands, rows, size_px)).astype(np.uint16)
            dataset.write(strip, window=RasterioWindow(0, row, size_px, rows))
    return path


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds of CPU that a call takes in this thread's process."""
    start = time.process_time()
    call()
    return time.process_time() - start


def tile_seconds(tiles: int) -> float:
    """Return the median seconds of CPU of one tile of the shipped network, on one thread."""
    from models.predictor import load_predictor
    from models.processes import prepare_process

    prepare_process()
    predictor, size = load_predictor("bundled", "cpu", 1), 576
    pixels = np.random.default_rng(0).integers(1, 255, (3, size, size), dtype=np.uint8)
    valid = np.ones((size, size), dtype=np.bool_)
    task = Lattice(size, size, 576, 64).task_tiles(Window(0, size, 0, size))
    return statistics.median(
        seconds(lambda: predictor.predict(pixels, valid, task)) for _ in range(tiles + 1)
    )


def tiles_of(size_px: int) -> int:
    """Return the tiles of a scene with the default tiling."""
    return Lattice(size_px, size_px, 576, 64).tile_count(Window(0, size_px, 0, size_px))


def _parts(size_px: int) -> list[Window]:
    return list(Window(0, size_px, 0, size_px).split(4096))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stretch")
    parser.add_argument("--size", type=int, default=10_980, help="side of the scene, in pixels")
    parser.add_argument("--blocks", type=int, default=512, help="side of the file's tiles, in pixels")
    parser.add_argument("--bands", type=int, default=3)
    parser.add_argument("--tiles", type=int, default=3, help="tiles of the network that are timed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
