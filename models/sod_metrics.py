"""The measures of salient object detection that the papers report: S, F, E, weighted F and MAE.

PySODMetrics is the reference, and these equal it: maps are uint8 and stretched to 0..1 a picture, curves have
256 thresholds and are averaged over pictures before their maximum is taken. Pictures become sums
(`ScoreSums`), and sums of several workers merge by `+`.

One deviation: where all salient pixels lie in the last row or column, the reference divides an empty quadrant
by its size and gives NaN for S; here a quadrant without pixels, whose weight is 0, counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

BETA_SQUARED = 0.3
THRESHOLDS = 256
EPSILON = float(np.spacing(1.0))
"""What the reference adds below fractions."""

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measures:
    """The nine numbers of a table, of a picture or the means over several; MAE is best at 0, others at 1."""

    s: float
    max_f: float
    mean_f: float
    adaptive_f: float
    max_e: float
    mean_e: float
    adaptive_e: float
    weighted_f: float
    mae: float


@dataclass(frozen=True, slots=True)
class MapScores:
    """One map against its label. Curves (256,) float64 are by threshold, from 255 down to 0."""

    s: float
    adaptive_f: float
    adaptive_e: float
    weighted_f: float
    mae: float
    f_curve: Numbers
    e_curve: Numbers

    @property
    def measures(self) -> Measures:
        """This picture's own row of a table."""
        return ScoreSums.over([self]).means()


@dataclass(frozen=True, slots=True)
class ScoreSums:
    """Sums over pictures: `single` (5,) S, adaptive F, adaptive E, weighted F, MAE; `curves` (2, 256) F, E.

    Raises ValueError for arrays of other shapes or fewer than no pictures.
    """

    pictures: int = 0
    single: Numbers = field(default_factory=lambda: np.zeros(5))
    curves: Numbers = field(default_factory=lambda: np.zeros((2, THRESHOLDS)))

    def __post_init__(self) -> None:
        if self.pictures < 0 or self.single.shape != (5,) or self.curves.shape != (2, THRESHOLDS):
            raise ValueError(
                f"sums need >= 0 pictures, (5,) and (2, {THRESHOLDS}) numbers, found {self.pictures}, "
                f"{self.single.shape} and {self.curves.shape}"
            )

    @classmethod
    def over(cls, scores: Iterable[MapScores]) -> ScoreSums:
        """Sum the scores of pictures."""
        found = list(scores)
        single = [(p.s, p.adaptive_f, p.adaptive_e, p.weighted_f, p.mae) for p in found]
        curves = [(p.f_curve, p.e_curve) for p in found]
        if not found:
            return cls()
        return cls(len(found), np.sum(single, axis=0, dtype=np.float64), np.sum(curves, axis=0))

    def __add__(self, other: ScoreSums) -> ScoreSums:
        return ScoreSums(
            self.pictures + other.pictures, self.single + other.single, self.curves + other.curves
        )

    def as_vector(self) -> Numbers:
        """All of it as (518,) float64, so that an all-reduce of one array merges workers."""
        return np.concatenate([[self.pictures], self.single, self.curves.ravel()])

    @classmethod
    def from_vector(cls, vector: Numbers) -> ScoreSums:
        """The inverse of `as_vector`. Raises ValueError for another length."""
        if vector.shape != (6 + 2 * THRESHOLDS,):
            raise ValueError(f"sums are ({6 + 2 * THRESHOLDS},) numbers, found {vector.shape}")
        return cls(round(float(vector[0])), vector[1:6], vector[6:].reshape(2, THRESHOLDS))

    def means(self) -> Measures:
        """The row of a table. Raises ValueError when there are no pictures."""
        if not self.pictures:
            raise ValueError("no pictures to average")
        s, adaptive_f, adaptive_e, weighted, mae = (self.single / self.pictures).tolist()
        f, e = self.curves / self.pictures
        return Measures(
            s=s,
            max_f=float(f.max()),
            mean_f=float(f.mean()),
            adaptive_f=adaptive_f,
            max_e=float(e.max()),
            mean_e=float(e.mean()),
            adaptive_e=adaptive_e,
            weighted_f=weighted,
            mae=mae,
        )


MEASURE_NAMES = tuple(f.name for f in fields(Measures))


def score_map(saliency: NDArray[np.uint8], label: NDArray[np.bool_]) -> MapScores:
    """Score a map (H, W) uint8, 0..255, against its label (H, W) bool.

    Raises ValueError for other types, different shapes, or fewer than two pixels (E divides by one less).
    """
    _check(saliency, label)
    values = stretch(saliency)
    salient_px = int(np.count_nonzero(label))
    inside, outside = _counts_from_threshold(values, label)
    chosen = values >= min(2 * float(values.mean()), 1.0)
    chosen_inside = np.array([np.count_nonzero(chosen & label)])
    chosen_outside = np.array([np.count_nonzero(chosen)]) - chosen_inside
    return MapScores(
        s=s_measure(values, label),
        adaptive_f=float(f_measure(chosen_inside, chosen_outside, salient_px)[0]),
        adaptive_e=float(e_measure(chosen_inside, chosen_outside, salient_px, label.size)[0]),
        weighted_f=weighted_f(values, label),
        mae=float(np.abs(values - label).mean()),
        f_curve=f_measure(inside, outside, salient_px),
        e_curve=e_measure(inside, outside, salient_px, label.size),
    )


def stretch(saliency: NDArray[np.uint8]) -> Numbers:
    """Spread a map over 0..1; a constant one stays what it is, divided by 255."""
    values = saliency / np.float64(255)
    low, high = values.min(), values.max()
    return values if low == high else (values - low) / (high - low)


def f_measure(inside: Counts, outside: Counts, salient_px: int) -> Numbers:
    """F with beta^2 = 0.3 from how many pixels inside and outside of the label were found, (n,) each."""
    precision = inside / np.maximum(inside + outside, 1)
    recall = inside / max(salient_px, 1)
    above = (1 + BETA_SQUARED) * precision * recall
    f: Numbers = above / np.where(above == 0, 1, BETA_SQUARED * precision + recall)
    return f


def e_measure(inside: Counts, outside: Counts, salient_px: int, size_px: int) -> Numbers:
    """The enhanced alignment of binary maps with a label, from counts as in `f_measure`."""
    found, missed = inside + outside, salient_px - inside
    if salient_px == 0:
        total: Numbers = (size_px - found).astype(np.float64)
    elif salient_px == size_px:
        total = found.astype(np.float64)
    else:
        share, salient = found / size_px, salient_px / size_px
        total = (
            _alignment(1 - share, 1 - salient) * inside
            + _alignment(1 - share, -salient) * outside
            + _alignment(-share, 1 - salient) * missed
            + _alignment(-share, -salient) * (size_px - found - missed)
        )
    return total / (size_px - 1 + EPSILON)


def s_measure(values: Numbers, label: NDArray[np.bool_]) -> float:
    """Structure: half the likeness of object and background each, half that of four quadrants."""
    share = float(label.mean())
    if share in (0.0, 1.0):
        return float(values.mean()) if share else float(1 - values.mean())
    objects = _likeness(values[label]) * share + _likeness(1 - values[~label]) * (1 - share)
    return float(max(0.0, 0.5 * objects + 0.5 * _quadrants(values, label)))


def weighted_f(values: Numbers, label: NDArray[np.bool_]) -> float:
    """Weighted F with beta^2 = 1: errors smoothed within objects, and dearer the farther from any; 0 if none.

    Needs SciPy, whose choice between pixels equally near is the reference's.
    """
    from scipy.ndimage import correlate1d, distance_transform_edt

    if not label.any():
        return 0.0
    distance, nearest = distance_transform_edt(~label, return_indices=True)
    error = np.abs(values - label)
    spread = error[tuple(nearest)]  # outside objects the error of the nearest object pixel
    kernel = np.exp(-(np.arange(-3.0, 4.0) ** 2) / 50)
    kernel /= kernel.sum()
    for axis in (0, 1):
        spread = correlate1d(spread, kernel, axis=axis, mode="constant")
    within = np.minimum(spread, error)[label]
    beyond = error[~label] * (2 - np.exp(np.log(0.5) / 5 * distance[~label]))
    hits = float(label.sum() - within.sum())
    recall, precision = 1 - float(within.mean()), hits / (hits + float(beyond.sum()) + EPSILON)
    return 2 * recall * precision / (recall + precision + EPSILON)


def _check(saliency: NDArray[np.uint8], label: NDArray[np.bool_]) -> None:
    if saliency.dtype != np.uint8 or label.dtype != np.bool_:
        raise ValueError(f"map must be uint8 and label bool, found {saliency.dtype} and {label.dtype}")
    if saliency.shape != label.shape or saliency.ndim != 2:
        raise ValueError(f"map {saliency.shape} and label {label.shape} must be of one size (H, W)")
    if label.size < 2:
        raise ValueError("a map of fewer than two pixels has no score")


def _counts_from_threshold(values: Numbers, label: NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """Pixels at or above each threshold, 255 down to 0, inside and outside of the label."""
    levels = (values * 255).astype(np.uint8)
    inside, outside = (
        np.bincount(levels[part], minlength=THRESHOLDS)[::-1].cumsum() for part in (label, ~label)
    )
    return inside, outside


def _alignment(a: Numbers, b: float) -> Numbers:
    return (2 * a * b / (a**2 + b**2 + EPSILON) + 1) ** 2 / 4


def _likeness(values: Numbers) -> float:
    """How close to 1 and how even (n,) values are."""
    mean = float(values.mean())
    deviation = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + deviation + EPSILON)


def _quadrants(values: Numbers, label: NDArray[np.bool_]) -> float:
    """Structural similarity of the four parts about the label's centroid, weighed by their areas."""
    # The reference adds one to the centroid: in MATLAB the pixel at the centroid belongs to the first part.
    row, column = (int(c) + 1 for c in np.argwhere(label).mean(axis=0).round())
    score = 0.0
    for rows in (slice(0, row), slice(row, None)):
        for columns in (slice(0, column), slice(column, None)):
            part = label[rows, columns]
            if part.size:
                score += _similarity(values[rows, columns], part) * part.size / label.size
    return score


def _similarity(values: Numbers, label: NDArray[np.bool_]) -> float:
    x, y = float(values.mean()), float(label.mean())
    below = label.size - 1 + EPSILON
    dx, dy = values - x, label - y
    variances = float((dx**2).sum() / below) + float((dy**2).sum() / below)
    alpha = 4 * x * y * float((dx * dy).sum() / below)
    beta = (x**2 + y**2) * variances
    if alpha != 0:
        return alpha / (beta + EPSILON)
    return 1.0 if beta == 0 else 0.0
