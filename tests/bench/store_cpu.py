"""What the storing of a small scene costs beside the network and the requests: milliseconds of CPU a scene.

    python -m tests.bench.store_cpu [--size 560] [--tile 1088] [--turns 200]

Metadata and shards are made in turns by this project and, the reference of its bytes, by zarr-python. The
last line is one of JSON. CPU is counted, not time, and the quickest of several rounds is told: others may use
the machine too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.fingerprint import array_digest, bytes_digest
from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import SceneMosaic, Tiling, plan_tasks
from sgddiff_batch.core.provenance import scene_provenance
from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.io.geodesy import FootprintMaker
from sgddiff_batch.io.mosaics.metadata import levels_of, metadata_objects
from sgddiff_batch.io.mosaics.root import completed
from tests.io.mosaics import zarr_reference

ROUNDS = 5
SCENE = Scene("2026/scene.tif", "s3://bucket/2026/scene.tif", "0123456789abcdef", 900_000)
SETTINGS = {"model": {"digest": "0" * 64}, "tile_px": 576, "overlap_px": 64, "pixels_version": 2, "batch": 4}
SOFTWARE = {"sgddiff_batch": "0.1.0", "torch": "2.13.0", "zarr": "3.1.6", "rasterio": "1.4.4"}


def main() -> int:
    """Print milliseconds of CPU a scene, by what is made."""
    options = _parse()
    mosaic = mosaic_of(
        options.size, Tiling(options.tile, 64, 4096 // (options.tile - 64) * (options.tile - 64))
    )
    costs = {name: cpu_ms(call, options.turns) for name, call in calls(mosaic).items()}
    print(
        f"{options.size} x {options.size} px, {mosaic.levels} level(s), shards of {mosaic.tiling.block_px} px"
    )
    for name, cost in costs.items():
        print(f"{name:20} {cost:8.3f} ms")
    print(json.dumps({"size_px": options.size, "levels": mosaic.levels, "cpu_ms": costs}))
    return 0


def calls(mosaic: SceneMosaic) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    grid, levels, codes = mosaic.grid, levels_of(mosaic), codes_of(mosaic.grid)
    shards, provenance, footprints = levels[0].shards, _provenance(mosaic), FootprintMaker()
    block = codes[: shards.shard_px, : shards.shard_px]
    shard, root = shards.encode(block) or b"", metadata_objects(grid, levels, provenance)[1]
    return {
        "plan": lambda: plan_tasks(SceneMosaic.at("a.zarr", SCENE, mosaic.profile, mosaic.tiling), 2**30),
        "provenance": lambda: _provenance(mosaic),
        "metadata": lambda: metadata_objects(grid, levels, provenance),
        "metadata by zarr": lambda: zarr_reference.metadata_objects(grid, levels, provenance),
        "completed root": lambda: bytes_digest(completed(root, ())),
        "shard": lambda: shards.encode(block),
        "shard by zarr": lambda: zarr_reference.encode(shards, block),
        "shard, read": lambda: shards.decode(shard, block.shape),
        "shard, read by zarr": lambda: zarr_reference.decode(shards, shard, block.shape),
        "digest of codes": lambda: array_digest(block),
        "next level": lambda: pyramid.halve(block),
        "footprint": lambda: footprints.footprint(
            grid.height_px, grid.width_px, grid.transform, grid.crs_wkt
        ),
    }


def cpu_ms(call: Callable[[], object], turns: int) -> float:
    """Return the milliseconds of CPU of a call, in all threads of this process."""
    call()  # what is kept from call to call
    best = _cpu_s(call)
    # What takes long is called less often.
    turns = max(1, min(turns, int(2 / ROUNDS / max(best, 1e-6))))
    for _ in range(ROUNDS):
        best = min(best, _cpu_s(call, turns))
    return round(1000 * best, 4)


def mosaic_of(size_px: int, tiling: Tiling) -> SceneMosaic:
    """Return the mosaic of a scene in UTM."""
    grid = Grid(size_px, size_px, Transform(10, 0, 499_980, 0, -10, 5_000_040), CRS.from_epsg(32633).to_wkt())
    profile = SceneProfile(grid, (1, 2, 3), "uint16", 2, stretch=Stretch(100.0, 4000.0))
    return SceneMosaic.at("2026/scene.tif/v-key.zarr", SCENE, profile, tiling)


def codes_of(grid: Grid) -> NDArray[np.uint8]:
    """Return codes (h, w) that compress about as saliency does: many are 0, the rest smooth with noise."""
    rng = np.random.default_rng(0)
    side = max(grid.height_px, grid.width_px)
    coarse = rng.normal(0, 1, (side // 8 + 1, side // 8 + 1)).cumsum(0).cumsum(1)
    smooth = np.kron((coarse - coarse.min()) / np.ptp(coarse), np.ones((8, 8), dtype=np.float32))
    noisy = 400 * (smooth[: grid.height_px, : grid.width_px] - 0.4) + rng.normal(
        0, 2, (grid.height_px, grid.width_px)
    )
    return noisy.clip(0, 254).astype(np.uint8)


def _provenance(mosaic: SceneMosaic) -> dict[str, object]:
    return scene_provenance(
        SCENE, mosaic.profile, SETTINGS,
        run_key="0123456789ab", run_id="1", software=SOFTWARE, created="2026-11-27T12:00:00Z",
    ).to_json()  # fmt: skip


def _cpu_s(call: Callable[[], object], turns: int = 1) -> float:
    start = time.process_time()
    for _ in range(turns):
        call()
    return (time.process_time() - start) / turns


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.store_cpu")
    parser.add_argument("--size", type=int, default=560, help="side of the scene, in pixels")
    parser.add_argument(
        "--tile", type=int, default=1088, help="side of a tile, in pixels; they overlap by 64"
    )
    parser.add_argument("--turns", type=int, default=200, help="calls of a round, at most")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
