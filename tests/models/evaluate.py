"""Scores of a checkpoint over labelled pictures, tile by tile as the main job computes them, by PySODMetrics.

    python -m tests.models.evaluate --images DIR --labels DIR [--checkpoint bundled] [--only FILE]

Pictures keep their native resolution: tiles of 576 px with 64 px of overlap, blended, no test-time
augmentation. `--only` names a checkpoint.json whose validation pictures are to be scored and no others.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import py_sod_metrics
from numpy.typing import NDArray
from PIL import Image

from models.data import Pair, find_pairs, load_pairs
from models.predictor import LEVELS, TaskPredictor, limit_threads, load_predictor
from sgddiff_batch.core.tiling import Lattice
from sgddiff_batch.core.window import Window

TILE_PX, OVERLAP_PX = 576, 64
SHEET_PX = 256


def main() -> None:
    options = _parse()
    limit_threads()
    files = find_pairs(options.images, options.labels)
    if options.only:
        wanted = set(json.loads(options.only.read_text())["data"]["validation"])
        files = [pair for pair in files if pair[0].stem in wanted]
    predictor = load_predictor(options.checkpoint, options.device)
    rows, maps = Measures(), []
    for pair in load_pairs(files):
        saliency = predict_picture(predictor, pair.pixels)
        rows.add(saliency, pair.mask)
        maps.append((pair, saliency))
    print(json.dumps({"pictures": len(maps), **rows.results()}, indent=1))
    if options.sheet:
        draw_sheet(maps[:: max(1, len(maps) // 16)][:16], options.sheet)


def predict_picture(predictor: TaskPredictor, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Saliency 0..255 (H, W) uint8 of a whole picture (3, H, W)."""
    height, width = pixels.shape[1:]
    whole = Window(0, height, 0, width)
    layout = Lattice(height, width, TILE_PX, OVERLAP_PX).task_tiles(whole)
    codes = predictor.predict(pixels, np.ones((height, width), bool), layout)
    return np.round(codes.astype(np.float64) * (255 / LEVELS)).astype(np.uint8)


class Measures:
    """PySODMetrics' measures, in the words of the papers' tables."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its Fmeasure is deprecated in favour of one without these names
            self.f = py_sod_metrics.Fmeasure()
        self.s, self.e = py_sod_metrics.Smeasure(), py_sod_metrics.Emeasure()
        self.w, self.mae = py_sod_metrics.WeightedFmeasure(), py_sod_metrics.MAE()

    def add(self, saliency: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
        for measure in (self.f, self.s, self.e, self.w, self.mae):
            measure.step(saliency, mask.astype(np.uint8) * 255)

    def results(self) -> dict[str, float]:
        f, e = self.f.get_results()["fm"], self.e.get_results()["em"]
        found = {
            "S": self.s.get_results()["sm"],
            "max F": f["curve"].max(),
            "mean F": f["curve"].mean(),
            "adaptive F": f["adp"],
            "max E": e["curve"].max(),
            "mean E": e["curve"].mean(),
            "adaptive E": e["adp"],
            "weighted F": self.w.get_results()["wfm"],
            "MAE": self.mae.get_results()["mae"],
        }
        return {name: round(float(value), 4) for name, value in found.items()}


def draw_sheet(maps: list[tuple[Pair, NDArray[np.uint8]]], path: Path) -> None:
    """Picture, label and map side by side, four pictures a row."""
    sheet = Image.new("RGB", (4 * 3 * SHEET_PX, -(-len(maps) // 4) * SHEET_PX))
    for index, (pair, saliency) in enumerate(maps):
        row, column = divmod(index, 4)
        for part, array in enumerate(
            (pair.pixels.transpose(1, 2, 0), pair.mask.astype(np.uint8) * 255, saliency)
        ):
            small = Image.fromarray(array).convert("RGB").resize((SHEET_PX, SHEET_PX))
            sheet.paste(small, ((column * 3 + part) * SHEET_PX, row * SHEET_PX))
    sheet.save(path)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="score a checkpoint over labelled pictures")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--checkpoint", default="bundled")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", type=Path, help="a checkpoint.json: score its validation pictures only")
    parser.add_argument("--sheet", type=Path, help="also write pictures, labels and maps side by side")
    return parser.parse_args()


if __name__ == "__main__":
    main()
