"""What `tests.bench.gpu` measures in processes of their own: the tests that need a GPU, and whole jobs."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window
from tests.bench.gpu_predicting import Subject

ROOT = Path(__file__).resolve().parents[2]
JOB_NEEDS = (
    "rasterio",
    "zarr",
    "pydantic",
    "yaml",
    "fsspec",
    "pyproj",
    "pyarrow",
    "shapely",
    "rich",
    "urllib3",
)
ARCHIVES = {
    "cuda": {"large": (10_980, 2, 12), "small": (300, 100, 600)},
    "cpu": {"large": (300, 1, 2), "small": (80, 2, 4)},
}
"""Pixels of a side, and how many scenes two runs have: the second takes longer by the scenes alone."""

INI = """[pytest]
addopts =
markers =
    gpu: needs an NVIDIA GPU
    data: needs real scenes
    slow: takes minutes
"""
"""Not the project's settings: those name plugins that may not be here."""


def tests(subject: Subject, left_s: float) -> dict[str, Any]:
    """Run the tests that need a GPU: how many passed, and the first lines of those that did not."""
    files = sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^@pytest\.mark\.gpu", path.read_text(encoding="utf-8"), re.MULTILINE)
    )
    with tempfile.TemporaryDirectory() as folder:
        settings, results = Path(folder) / "pytest.ini", Path(folder) / "results.xml"
        settings.write_text(INI)
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"),
            *("-c", str(settings), "--rootdir", str(ROOT), "--confcutdir", str(ROOT)),
            *("--continue-on-collection-errors", f"--junitxml={results}", *files),
        ]
        ended = _ended(command, left_s)
        if not results.exists():
            return {"error": ended}
        return outcomes(results)


def outcomes(results: Path) -> dict[str, Any]:
    """Read pytest's XML: counts, what failed or could not be collected (`wrong`), why others were skipped."""
    counts = {"passed": 0, "failed": 0, "skipped": 0, "not_collected": 0}
    wrong, reasons = [], set()
    for case in ElementTree.parse(results).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if (skipped := case.find("skipped")) is not None:
            counts["skipped"] += 1
            reasons.add((skipped.get("message") or "")[:200])
        elif (error := case.find("error")) is not None and _missing_module(error.text or ""):
            counts["not_collected"] += 1
            reasons.add(f"{name}: {_missing_module(error.text or '')} is not installed")
        elif (failure := case.find("failure") if error is None else error) is not None:
            counts["failed"] += 1
            wrong.append(f"{name}: {(failure.get('message') or '')[:300]}")
        else:
            counts["passed"] += 1
    return {**counts, "wrong": wrong, "skipped_because": sorted(reasons)}


def _missing_module(text: str) -> str | None:
    found = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", text)
    return found[1] if found else None


def jobs(subject: Subject, left_s: float) -> dict[str, Any]:
    """Seconds of `sgddiff run` over few scenes and over more, each from a cold process, large ones and small.

    What the runs differ by is the work: tiles a second of it, without the start and the end of a run.
    """
    missing = [name for name in JOB_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        return {"left_out": f"not installed: {', '.join(missing)}"}
    until, kind, found = time.monotonic() + left_s, subject.device.type, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (size, *counts) in ARCHIVES[kind].items():
            took = []
            for count in counts:
                archive = Path(folder) / f"{name}-{count}"
                _draw_scenes(archive, count, size)
                left = until - time.monotonic()
                if left < 5:
                    return {**found, "cut_before": archive.name}
                config = _write_config(Path(f"{archive}.yaml"), archive, Path(f"{archive}-out"), subject)
                began = time.perf_counter()
                problem = _ended([sys.executable, "-m", "jobs", "run", "--config", str(config)], left)
                took.append(time.perf_counter() - began)
                if problem:
                    return {**found, "error": f"{archive.name}: {problem}"}
            tiles = Lattice(size, size, subject.tile_px, subject.tile_px // 9).tile_count(
                Window(0, size, 0, size)
            )
            found[name] = {
                "size_px": size,
                "scenes": counts,
                "s": [round(seconds, 1) for seconds in took],
                "tiles_per_s": round((counts[1] - counts[0]) * tiles / max(took[1] - took[0], 1e-3), 1),
            }
    return found


def _ended(command: list[str], left_s: float) -> str:
    """Run a command in the project; what it said last where it did not end well, or not in time."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=left_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not end in {left_s:.0f} s"
    return (
        ""
        if ended.returncode == 0
        else f"exit code {ended.returncode}: {(ended.stdout + ended.stderr)[-400:]}"
    )


def _draw_scenes(folder: Path, count: int, size_px: int) -> None:
    """Write one scene of noise, and give it so many names."""
    import rasterio

    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, size_px, size_px), dtype=np.uint8)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": size_px, "width": size_px}
    transform = rasterio.transform.from_origin(500_000, 5_000_000, 1, 1)
    first = folder / "scene0000.tif"
    with rasterio.open(
        first, "w", **profile, tiled=size_px >= 256, compress="deflate", zlevel=1, num_threads="all_cpus",
        photometric="RGB", crs="EPSG:32633", transform=transform,
    ) as scene:  # fmt: skip
        scene.write(pixels)
    for number in range(1, count):
        os.link(first, folder / f"scene{number:04}.tif")


def _write_config(path: Path, archive: Path, output: Path, subject: Subject) -> Path:
    folder = Path(subject.checkpoint)  # the job may be started elsewhere
    checkpoint = folder.resolve() if folder.is_dir() else subject.checkpoint
    path.write_text(
        f"archive: {{uri: '{archive}'}}\n"
        f"output: {{uri: '{output}'}}\n"
        f"model: {{checkpoint: '{checkpoint}', device: {subject.device.type}}}\n"
        "engine: {kind: local}\n"
    )
    return path
