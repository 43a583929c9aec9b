"""What a size of tiles and their overlap are worth, and what they cost: the table behind the default.

    python -m tests.bench.tiles --data DIR [--tiles 576/64/former 576/64 1088/64 ...] [--checkpoint bundled]

DIR holds VHR10-SOD/test-images and test-labels, and scenes/truth: pictures laid side by side in one scene,
with its true mask. Of each size, in a process of its own with one thread: S, max F and MAE of both by the
definitions of PySODMetrics, seam score, seconds of CPU a Mpx and peak memory over the scene, and what of a
scene of 10,980 px is read, and computed, more than once with blocks of 4,096 px. `former`: tiles as before
pixels_version 3, the last ones as large as all others, and mirrored.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from jobs.evaluation.pictures import Entry, match_pictures, read_label, read_picture
from jobs.evaluation.scoring import Row, score_picture, sum_up
from jobs.evaluation.sources import codes_to_bytes
from models.predictor import TaskPredictor, load_predictor
from models.processes import prepare_process
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.planning import SceneMosaic, Tiling, plan_tasks
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.seams import seam_steps
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window

SIZES = ("576/64/former", "576/64", "832/64", "1088/64", "1088/128", "1600/64", "1600/128", "2112/64")
SENTINEL_PX, TASK_BYTES = 10_980, 2 * 2**30
HEADS = ("tiles", "pictures: S / max F / MAE", "scene: the same", "seam", "s a Mpx", "GiB", "read", "run")


def main(arguments: list[str] | None = None) -> int:
    """Print the table, a row as soon as it is there."""
    options = _parser().parse_args(arguments)
    if options.one:
        print(json.dumps(measure(options.data, options.one, options.checkpoint)))
        return 0
    print(_row(HEADS), _row(["---"] * len(HEADS)), sep="\n", flush=True)
    for size in options.tiles:
        same = ["--data", str(options.data), "--checkpoint", options.checkpoint]
        command = [sys.executable, "-m", "tests.bench.tiles", "--one", size, *same]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(_row(cells_of(json.loads(found.splitlines()[-1]))), flush=True)
    return 0


def tiling_of(size: str) -> Tiling:
    """The tiling that an argument names, such as 1088/64 or 576/64/former."""
    tile, overlap, *former = size.split("/")
    return Tiling(int(tile), int(overlap), fits=former != ["former"])


def measure(data: Path, size: str, checkpoint: str) -> dict[str, Any]:
    """What there is to know of a size, as plain values."""
    prepare_process()
    tiling, predictor = tiling_of(size), load_predictor(checkpoint, "cpu")
    scene = _scene_scores(predictor, data / "scenes" / "truth", tiling)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pictures = data / "VHR10-SOD"
    entries = match_pictures(pictures / "test-images", pictures / "test-labels", None)
    rows = (_row_of(predictor, entry, tiling) for entry in entries)
    return {
        "size": size,
        "pictures": _scores(rows),
        **scene,
        "peak_gib": peak_kib / 2**20,
        "halo_overhead": halo_overhead(tiling),
        "tile_overhead": tile_overhead(tiling, SENTINEL_PX),
    }


def tile_overhead(tiling: Tiling, side_px: int) -> float:
    """Pixels that the network sees more than once, as a share of a square scene's, computed as one task."""
    tiles = _lattice(tiling, side_px, side_px).task_tiles(Window(0, side_px, 0, side_px))
    return int(tiles.row_sizes.sum()) * int(tiles.col_sizes.sum()) / side_px**2 - 1


def halo_overhead(tiling: Tiling, side_px: int = SENTINEL_PX) -> float:
    """Pixels of a square scene of 16-bit samples that are read more than once, as a share of all."""
    profile = SceneProfile(Grid(side_px, side_px), (1, 2, 3), "uint16", 2)
    mosaic = SceneMosaic.at("scene.zarr", Scene("scene.tif", "scene.tif", "v1", 1), profile, tiling)
    return sum(task.halo.area_px for task in plan_tasks(mosaic, TASK_BYTES)) / side_px**2 - 1


def cells_of(found: dict[str, Any]) -> list[str]:
    """The cells of a row."""
    return [
        found["size"],
        _three(found["pictures"]),
        _three(found["scene"]),
        f"{found['seam']:.2f}",
        f"{found['seconds_a_mpx']:.2f}",
        f"{found['peak_gib']:.2f}",
        f"{found['halo_overhead']:.1%}",
        f"{found['tile_overhead']:.1%}",
    ]


def _scene_scores(predictor: TaskPredictor, folder: Path, tiling: Tiling) -> dict[str, Any]:
    placement = json.loads((folder / "placement.json").read_text())
    with rasterio.open(folder / "vhr10_val_6144.tif") as scene:
        pixels, valid = scene.read((1, 2, 3)), scene.dataset_mask() > 0
    with rasterio.open(folder / "vhr10_val_6144_truth.tif") as truth:
        mask = truth.read(1) > 0
    lattice = _lattice(tiling, *valid.shape)
    whole = Window(0, lattice.height_px, 0, lattice.width_px)
    began = time.process_time()
    codes = predictor.predict(pixels * valid, valid, lattice.task_tiles(whole))
    seconds = time.process_time() - began
    found = codes_to_bytes(np.where(valid, codes, 0).astype(np.uint8))
    return {
        "scene": _scores(_placed(placement, found, mask)),
        "seam": seam_steps(codes, whole, lattice.rows, lattice.cols).score,
        "seconds_a_mpx": seconds / (codes.size / 1e6),
    }


def _placed(places: Iterable[Any], found: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Iterable[Row]:
    for place in places:
        part = np.s_[place["y"] : place["y"] + place["height"], place["x"] : place["x"] + place["width"]]
        yield score_picture(place["id"], found[part], mask[part])


def _row_of(predictor: TaskPredictor, entry: Entry, tiling: Tiling) -> Row:
    assert entry.picture
    assert entry.label
    pixels = read_picture(entry.picture)
    height, width = pixels.shape[1:]
    tiles = _lattice(tiling, height, width).task_tiles(Window(0, height, 0, width))
    found = codes_to_bytes(predictor.predict(pixels, np.ones((height, width), bool), tiles))
    return score_picture(entry.name, found, read_label(entry.label))


def _lattice(tiling: Tiling, height_px: int, width_px: int) -> Lattice:
    return Lattice(height_px, width_px, tiling.tile_px, tiling.overlap_px, tiling.fits)


def _scores(rows: Iterable[Row]) -> list[float]:
    means = sum_up(list(rows)).plain()["with_objects"]
    return [means["s"], means["max_f"], means["mae"]]


def _three(scores: Sequence[float]) -> str:
    return " / ".join(f"{score:.4f}"[1:] for score in scores)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tiles")
    parser.add_argument("--data", type=Path, required=True, help="folder of VHR10-SOD and scenes/truth")
    parser.add_argument("--tiles", nargs="+", default=SIZES, help="tile/overlap in px (%(default)s)")
    parser.add_argument("--checkpoint", default="bundled", help="a folder, or one that ships (%(default)s)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
