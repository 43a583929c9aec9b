"""Scores by PySODMetrics, and a picture's map by the network itself: what evaluation is held against."""

from __future__ import annotations

import warnings

import numpy as np
import py_sod_metrics
from numpy.typing import NDArray

from models.predictor import TaskPredictor
from models.tasks import LEVELS
from sgddiff_batch.core.tiling import OVERLAP_PX, TILE_PX, Lattice
from sgddiff_batch.core.window import Window


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
