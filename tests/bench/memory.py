"""Peak memory of the main job over a huge and a small scene, beside the budget that was stated before.

    python -m tests.bench.memory [--sizes 30000 6000] [--valid 5000] [--set key=value ...]

Each scene is a sparse GeoTIFF with one valid square of noise in its middle and no data around it. All of it
is read and stored, and only tiles that touch the square are computed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
import rasterio.transform
import yaml
from rasterio.windows import Window

from tests.kit import jobs

GIB = 2**30
_MEASURE = """
import pathlib, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""Runs a command and notes its peak in KiB. A child's peak starts at that of its parent, whose memory it has
until it runs a program of its own: so its parent is this, and not a process of tests that may have held more.
"""


def main() -> int:
    """Print one line a scene: its size, the budget that was stated, and the peak that was measured."""
    options = _parse()
    for size_px in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            scene = draw_sparse_scene(Path(folder) / "scene.tif", size_px, min(options.valid, size_px))
            stated, peak = run_measured(Path(folder), scene, options.set)
            print(
                f"{size_px} x {size_px} px: stated {stated / GIB:.2f} GiB, measured {peak / GIB:.2f} GiB",
                flush=True,
            )
            if peak > stated:
                return 1
    return 0


def draw_sparse_scene(path: Path, size_px: int, valid_px: int) -> Path:
    """Write a scene of no data but for a square of noise in its middle; unwritten tiles take no space."""
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 3,
        "height": size_px,
        "width": size_px,
        "nodata": 0,
    }
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "sparse_ok": True}
    place = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(400_000, 5_000_000, 1, 1)}
    start = (size_px - valid_px) // 2 // 512 * 512
    rng = np.random.default_rng(7)
    with rasterio.open(
        path, "w", **profile, **layout, **place, interleave="pixel", photometric="RGB"
    ) as dataset:
        for row in range(start, start + valid_px, 512):
            rows = min(512, start + valid_px - row)
            noise = rng.integers(1, 256, (3, rows, valid_px), dtype=np.uint8)
            dataset.write(noise, window=Window(start, row, valid_px, rows))
    return path


def run_measured(folder: Path, scene: Path, assignments: list[str]) -> tuple[int, int]:
    """Run the job over a scene as a process of its own; return the stated and the measured peak, in bytes."""
    config = folder / "run.yaml"
    tree = {
        "archive": {"uri": str(scene)},
        "output": {"uri": str(folder / "out")},
        "model": {"device": "cpu"},
    }
    config.write_text(yaml.safe_dump(tree))
    peak = folder / "peak"
    flags = (flag for value in assignments for flag in ("--set", value))
    through = [sys.executable, "-S", "-c", _MEASURE, str(peak)]
    if jobs.start_job(config, *flags, through=through).wait() != 0:
        sys.exit(config.with_suffix(".log").read_text())
    report = json.loads(next((folder / "out").glob("report-*.json")).read_text())
    return int(report["run"]["peak_memory_bytes"]), int(peak.read_text()) * 1024


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory")
    parser.add_argument("--sizes", type=int, nargs="+", default=[30_000, 6_000])
    parser.add_argument("--valid", type=int, default=5_000, help="side of the valid square, in pixels")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
