"""Time of the main job over the time of the bare network on the same tiles, both engines, in one run.

    python -m tests.bench [--scene scene.tif] [--workers 1] [--repeat 2] [--engines local ray]

Without --scene it draws one of 6144 x 6144 px. The bare network runs as many threads as the job runs
predictors, on tiles that are gathered before its clock starts. The job's clock covers everything between
the call of ``main`` and its return: listing, planning, loading the network, reading, storing, commit, report.
The two alternate, so that whatever else the machine does touches both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
import yaml

from jobs import infer_archive
from models.predictor import load_predictor
from models.processes import prepare_process
from sgddiff_batch.core.blending import computed_tiles, gather_tile
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX, Lattice
from sgddiff_batch.core.window import Window


def main() -> int:
    """Print one line a measurement, then the ratios."""
    options = _parse()
    seconds = measure(options.scene, options.engines, options.workers, options.repeat)
    bare = seconds.pop("bare network")
    print(f"bare network: {_list(bare)} s on {options.workers} thread(s)")
    for engine, times in seconds.items():
        print(f"job, {engine}: {_list(times)} s; over the bare network: median {_over(times, bare):.3f}")
    return 0


def measure(scene: str | None, engines: Sequence[str], workers: int, repeat: int) -> dict[str, list[float]]:
    """Return the seconds of each turn: of the bare network, and of the job on each engine."""
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(scene) if scene else _draw_scene(Path(folder) / "archive")
        for turn in range(repeat):
            seconds.setdefault("bare network", []).append(_bare_network(path, workers))
            for engine in engines:
                output = Path(folder) / f"{engine}-{turn}"
                seconds.setdefault(engine, []).append(_job(path, output, engine, workers))
    return seconds


def job_over_bare() -> float:
    """Return the time of the job on one worker of this machine over that of the bare network."""
    seconds = measure(None, ["local"], workers=1, repeat=2)
    return _over(seconds["local"], seconds["bare network"])


def _over(times: list[float], bare: list[float]) -> float:
    return statistics.median(job / network for job, network in zip(times, bare, strict=True))


def _bare_network(scene: Path, threads: int) -> float:
    prepare_process()
    predictor = load_predictor("bundled", "cpu", None)
    tiles = _tiles(scene)
    with ThreadPoolExecutor(threads) as pool:
        predictor.predict_tiles(*tiles[0])
        start = time.perf_counter()
        list(pool.map(lambda tile: predictor.predict_tiles(*tile), tiles))
        return time.perf_counter() - start


def _tiles(scene: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the tiles (1, 3, h, w) of a scene that have a valid pixel, each with its origin (1, 2)."""
    with rasterio.open(scene) as dataset:
        pixels, valid = dataset.read((1, 2, 3)), dataset.dataset_mask() > 0
    lattice = Lattice(*valid.shape, TILE_PX, OVERLAP_PX)
    layout = lattice.task_tiles(Window(0, valid.shape[0], 0, valid.shape[1]))
    found = []
    for i, j in computed_tiles(valid, layout):
        start = int(layout.row_starts[i]), int(layout.col_starts[j])
        shape = int(layout.row_sizes[i]), int(layout.col_sizes[j])
        found.append((gather_tile(pixels, start, shape)[None], np.asarray([start])))
    return found


def _job(scene: Path, output: Path, engine: str, workers: int) -> float:
    config = output.with_suffix(".yaml")
    settings = {
        "archive": {"uri": str(scene)},
        "output": {"uri": str(output)},
        "model": {"device": "cpu"},
        "engine": {"kind": engine, "workers": workers},
    }
    config.write_text(yaml.safe_dump(settings))
    start = time.perf_counter()
    code = infer_archive.main(["--config", str(config)])
    seconds = time.perf_counter() - start
    if code != 0:
        sys.exit(f"the job ended with exit code {code}")
    return seconds


def _draw_scene(folder: Path, size_px: int = 6144) -> Path:
    folder.mkdir()
    path = folder / "noise.tif"
    noise = np.random.default_rng(7).integers(0, 256, (3, size_px, size_px), dtype=np.uint8)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": size_px, "width": size_px}
    transform = rasterio.transform.from_origin(500_000, 5_000_000, 1, 1)
    with rasterio.open(
        path,
        "w",
        **profile,
        tiled=True,
        compress="deflate",
        photometric="RGB",
        crs="EPSG:32633",
        transform=transform,
    ) as dataset:
        dataset.write(noise)
    return path


def _list(times: list[float]) -> str:
    return ", ".join(f"{seconds:.1f}" for seconds in times)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--scene")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--engines", nargs="+", default=["local", "ray"], choices=["local", "ray"])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
