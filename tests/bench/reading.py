"""What opening and reading a scene asks of a bucket, and what it costs, held and by two calls apart.

    python -m tests.bench.reading [--large 10980] [--turns 40]

Requests are counted by a small S3 on loopback. CPU of this process is the least of many turns, of one scene
of 560 px: local, from the bucket, and from memory, which is the reading beside the network. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import rasterio.shutil

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.archive import find_scenes
from sgddiff_batch.io.scenes import CheckedReader, GeoTiffReader, held_reader
from sgddiff_batch.protocols import SceneReader
from tests.kit.broken_s3 import BrokenS3, run_broken_s3
from tests.kit.scenes import noise, write_scene

READER = CheckedReader(GeoTiffReader())
TASK_PX = 4160
"""The side of a task with its halo, of which larger scenes are read one."""


def main() -> int:
    """Print requests and CPU of each kind of scene, before and after."""
    options = _parse()
    with tempfile.TemporaryDirectory() as name, run_broken_s3(Path(name)) as server:
        os.environ.update(server.environment)
        paths = list(draw_scenes(server, options.large))
        requests = {path.name: requests_of(server, path.name) for path in paths}
        for scene, ways in requests.items():
            print(f"{scene}: {ways['apart']} apart, {ways['held']} held")
        cpu_ms = cpu_of(paths[0], options.turns)
        for way, milliseconds in cpu_ms.items():
            print(f"{way}: {milliseconds:.2f} ms of CPU")
    print(json.dumps({"requests": requests, "cpu_ms": cpu_ms}))
    return 0


def draw_scenes(server: BrokenS3, large_px: int) -> Iterator[Path]:
    """Write scenes into the server's bucket, of too little noise to take long and too much to be small."""
    yield _tiled(server, "tile_560.tif", 560)
    yield _cog(server, "cog_2048.tif", 2048)
    yield _cog(server, f"cog_{large_px}.tif", large_px)
    yield write_scene(server.object("bk/strips_2048.tif"), drawn(2048), interleave="pixel")


def drawn(size_px: int) -> np.ndarray:
    """Return samples (3, size, size) uint8 that deflate halves."""
    smooth = noise(3, size_px, size_px)
    return smooth ^ np.random.default_rng(1).integers(0, 16, smooth.shape, dtype=np.uint8)


def _tiled(server: BrokenS3, name: str, size_px: int) -> Path:
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "pixel"}
    return write_scene(server.object(f"bk/{name}"), drawn(size_px), photometric="RGB", **layout)


def _cog(server: BrokenS3, name: str, size_px: int) -> Path:
    plain = _tiled(server, "plain.tif", size_px)
    path = server.object(f"bk/{name}")
    rasterio.shutil.copy(plain, path, driver="COG", compress="deflate", level=1, num_threads="ALL_CPUS")
    plain.unlink()
    return path


def apart(scene: Scene) -> None:
    """Open a scene, then read a task of it, each by itself: what was done before scenes were held."""
    _read(READER, scene)


def held(scene: Scene) -> None:
    """Open a scene and read a task of it, held."""
    with READER.held(scene) as own:
        _read(own, scene)


def _read(reader: SceneReader, scene: Scene) -> None:
    profile = reader.profile(scene)
    rows, cols = (min(side, TASK_PX) for side in (profile.grid.height_px, profile.grid.width_px))
    reader.read(scene, profile, Window(0, rows, 0, cols))


def requests_of(server: BrokenS3, name: str) -> dict[str, dict[str, int]]:
    """Return the requests of each way by their verbs."""
    scene = _listed(f"s3://bk/{name}")
    counts = {}
    for way in (apart, held):
        server.script()
        way(scene)
        counts[way.__name__] = {key.split()[0]: count for key, count in server.requests().items()}
    return counts


def _listed(place: str) -> Scene:
    (found,) = find_scenes(place).scenes
    return found.scene


def cpu_of(path: Path, turns: int) -> dict[str, float]:
    """Return the least milliseconds of CPU of one scene by each way, in turns with the others."""
    local, remote = _listed(str(path)), _listed(f"s3://bk/{path.name}")
    ways = {
        "local, apart": lambda: apart(local),
        "local, held": lambda: held(local),
        "bucket, apart": lambda: apart(remote),
        "bucket, held": lambda: held(remote),
        "memory, held": _fetched_before(path, remote),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            spent[name].append(1000 * (time.process_time() - start))
    return {name: round(min(each[1:]), 2) for name, each in spent.items()}


def _fetched_before(path: Path, scene: Scene) -> Callable[[], None]:
    data = path.read_bytes()

    def read() -> None:
        with patch.object(held_reader, "fetch_whole", lambda *_: data):
            held(scene)

    return read


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reading")
    parser.add_argument("--large", type=int, default=10_980, help="side of the largest scene, in pixels")
    parser.add_argument("--turns", type=int, default=40, help="turns of which the least CPU counts")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
