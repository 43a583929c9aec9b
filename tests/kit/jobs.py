"""A small archive on disk, a tiny network, and the main job run over them as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.transform
import yaml
import zarr

from tests.kit.processes import ended

ROOT = Path(__file__).parents[2]
PIXEL_SETTINGS = {"tile_px": 96, "overlap_px": 32, "block_px": 128, "task_memory_gib": 0.01}
"""Tiles small enough for tests; a memory that makes several tasks of a scene."""


def write_scene(path: Path, height_px: int, width_px: int, seed: int, *, collar_px: int = 0) -> Path:
    """Write smooth noise as a tiled RGB GeoTIFF at 2 m in UTM; a collar is no data (0)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1, 256, (3, -(-height_px // 8), -(-width_px // 8)), dtype=np.uint8)
    pixels = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height_px, :width_px].copy()
    if collar_px:
        pixels[:, :collar_px] = 0
        pixels[:, :, :collar_px] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height_px,
        width=width_px,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=rasterio.transform.from_origin(500_000, 5_000_000, 2, 2),
        nodata=0 if collar_px else None,
        tiled=True,
        blockxsize=64,
        blockysize=64,
        compress="deflate",
        photometric="RGB",
    ) as dataset:
        dataset.write(pixels)
    return path


def write_archive(folder: Path) -> Path:
    """Write three sound scenes of odd sizes, one of them with a collar and one in a subfolder."""
    write_scene(folder / "a.tif", 301, 417, 1)
    write_scene(folder / "north" / "b.tif", 257, 300, 2, collar_px=70)
    write_scene(folder / "c.tif", 50, 40, 3)
    return folder


def write_broken(path: Path, seed: int = 4) -> Path:
    """Write a scene whose header is sound and whose tiles end in the middle of the file."""
    write_scene(path, 300, 300, seed)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    return path


def save_tiny_checkpoint(folder: Path) -> Path:
    """Save a network of the ``tiny`` preset with seeded random weights."""
    import torch

    from models.checkpoint import save_checkpoint
    from models.presets import preset
    from models.sgddiff import SGDDiff

    torch.manual_seed(7)
    network = SGDDiff(preset("tiny"))
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    torch.nn.init.normal_(network.refine_head.logit.weight, std=8.0)
    torch.nn.init.zeros_(network.refine_head.logit.bias)
    save_checkpoint(folder, network, {"seen": "nothing"}, {"note": "random weights for tests"})
    return folder


def write_config(
    path: Path, archive: Path | str, output: Path | str, checkpoint: Path, **engine: object
) -> Path:
    """Write the config of a run on the CPU with the tiny network."""
    tree = {
        "archive": {"uri": str(archive)},
        "output": {"uri": str(output)},
        "model": {"checkpoint": str(checkpoint), "device": "cpu"},
        "tiling": PIXEL_SETTINGS,
        "engine": {"kind": "local", "workers": 2, **engine},
    }
    path.write_text(yaml.safe_dump(tree))
    return path


def start_job(
    config: Path,
    *arguments: str,
    log: Path | None = None,
    through: Sequence[str] = (),
    also: Sequence[Path] = (),
) -> subprocess.Popen[bytes]:
    """Start ``jobs/infer_archive.py`` as a process of its own.

    ``through`` runs its command. ``also``: folders that are on its path, too.
    """
    job = [sys.executable, str(ROOT / "jobs" / "infer_archive.py"), "--config", str(config), *arguments]
    command = [*through, *job]
    path = os.pathsep.join(map(str, (ROOT, *also)))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    with (log or config.with_suffix(".log")).open("ab") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)


def running_job(config: Path, *arguments: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Start the job; with the context it ends, and all that it has started."""
    return ended(start_job(config, *arguments))


def run_job(config: Path, *arguments: str) -> int:
    """Run the job to its end and return its exit code."""
    with running_job(config, *arguments) as process:
        return process.wait()


def ask_door(door: str, copied_to: Path, *words: str) -> tuple[int, str]:
    """Call a door of clusters that was copied beside a command of another checkout.

    That command prints what it is asked, and ends with 3. Returns the exit code and what was said.
    """
    folder = copied_to / "jobs"
    folder.mkdir()
    shutil.copy(ROOT / door, folder)
    (folder / "__init__.py").touch()
    (folder / "cli.py").write_text("def main(argv, **_):\n    print(argv)\n    return 3\n")
    command = [sys.executable, str(copied_to / door), *words]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    return ended.returncode, ended.stdout


def decoded(output: Path | str) -> dict[str, np.ndarray]:
    """Return every level of every current mosaic: ``<store>/<level>`` to codes (h, w) uint8."""
    import sgddiff_batch
    from sgddiff_batch.io.storage.store import open_store

    arrays = {}
    for entry in sgddiff_batch.list_mosaics(str(output)):
        group = zarr.open_group(open_store(entry.uri).zarr("", read_only=True), mode="r")
        for level in sorted(group.group_keys()):
            array = group[f"{level}/saliency"]
            assert isinstance(array, zarr.Array)
            arrays[f"{entry.uri.removeprefix(str(output))}/{level}"] = np.asarray(array[:])
    return arrays


_OF_A_RUN = ("report-", "_catalogue/", "_ledger/lease~", "_ledger/rate~")


def reports(output: Path) -> list[dict[str, Any]]:
    """The reports below a local output, the newest last; names do not tell those of one second apart."""
    files = sorted(output.glob("report-*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in files]


def object_names(output: Path) -> list[str]:
    """Return all files below an output but those of single runs: lease, rate, reports and generations."""
    names = (str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.startswith(_OF_A_RUN))


def assert_equal_mosaics(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """Compare the decoded arrays of two outputs, and say where they differ."""
    assert sorted(got) == sorted(wanted)
    for name, codes in wanted.items():
        np.testing.assert_array_equal(got[name], codes, err_msg=name)
