"""MAE and F-measure for validation during training, by histograms.

PySODMetrics is the reference for numbers that are reported; these follow its definitions (beta^2 = 0.3, maps
stretched to 0..1 a picture, 256 thresholds, curves averaged over pictures before the maximum is taken).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BETA_SQUARED = 0.3


@dataclass(frozen=True, slots=True)
class PictureScore:
    """One picture: mean absolute error in 0..1 and the F-measure at each of 256 thresholds, 255 down to 0."""

    mae: float
    f_curve: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over pictures; `max_f` is the maximum of the mean curve."""

    mae: float
    max_f: float
    mean_f: float
    pictures: int


def score_picture(saliency: NDArray[np.uint8], label: NDArray[np.bool_]) -> PictureScore:
    """Score one map (H, W) uint8, 0..255, against its label (H, W). Raises ValueError on different shapes."""
    if saliency.shape != label.shape:
        raise ValueError(f"map {saliency.shape} and label {label.shape} differ in size")
    stretched = _stretch(saliency)
    mae = float(np.abs(stretched - label).mean())
    levels = (stretched * 255).astype(np.uint8)
    inside = np.bincount(levels[label], minlength=256)[::-1].cumsum()
    everywhere = np.bincount(levels.ravel(), minlength=256)[::-1].cumsum()
    precision = inside / np.maximum(everywhere, 1)
    recall = inside / max(int(label.sum()), 1)
    below = BETA_SQUARED * precision + recall
    f_curve = (1 + BETA_SQUARED) * precision * recall / np.where(below > 0, below, 1)
    return PictureScore(mae, f_curve)


def merge_scores(scores: Sequence[PictureScore]) -> Scores:
    """Average pictures. Raises ValueError when there are none."""
    if not scores:
        raise ValueError("no pictures to score")
    curve = np.mean([score.f_curve for score in scores], axis=0)
    return Scores(
        float(np.mean([s.mae for s in scores])), float(curve.max()), float(curve.mean()), len(scores)
    )


def _stretch(saliency: NDArray[np.uint8]) -> NDArray[np.float64]:
    values = saliency.astype(np.float64) / 255
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else values
