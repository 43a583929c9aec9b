"""Whether whole objects are drawn as they are: precision, recall and F1 at an overlap of one half, by size.

An object is what `sgddiff objects` would draw: pixels that hang together by their edges, of a label its
salient ones, of a map those at a probability of one half or more. One of a map is right if its area shared
with one of the label is at least half of that of both; each is counted once, the larger overlap first. An
object belongs to the size class of its own area, so of a pair each may count in another class.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.sod_metrics_objects import FOUND_FROM, SIZE_CLASSES, size_classes

LEAST_IOU = 0.5
_NAMES = ("labelled", "found", "drawn", "right")

Counts = NDArray[np.int64]


def _none() -> Counts:
    return np.zeros(len(SIZE_CLASSES), np.int64)


@dataclass(frozen=True, slots=True)
class DetectionSums:
    """Objects by size class, (3,) each; sums of several workers merge by `+`.

    labelled: those of labels; found: of these, matched; drawn: those of maps; right: of these, matched.
    """

    labelled: Counts = field(default_factory=_none)
    found: Counts = field(default_factory=_none)
    drawn: Counts = field(default_factory=_none)
    right: Counts = field(default_factory=_none)

    def __post_init__(self) -> None:
        if {getattr(self, name).shape for name in _NAMES} != {(len(SIZE_CLASSES),)}:
            raise ValueError("sums over objects are (3,) numbers each, by size class")

    def __add__(self, other: DetectionSums) -> DetectionSums:
        return DetectionSums(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def means(self) -> dict[str, dict[str, float | int | None]]:
        """By size class, and of all: counts, and shares in 0..1, None where there is nothing to share."""
        counts = {name: [*getattr(self, name).tolist(), int(getattr(self, name).sum())] for name in _NAMES}
        rows = zip(*(counts[name] for name in _NAMES), strict=True)
        return {name: _shares(*row) for name, row in zip((*SIZE_CLASSES, "all"), rows, strict=True)}


def _shares(labelled: int, found: int, drawn: int, right: int) -> dict[str, float | int | None]:
    precision, recall = (
        part / whole if whole else None for part, whole in ((right, drawn), (found, labelled))
    )
    total = (precision or 0.0) + (recall or 0.0)
    f1 = None if precision is None or recall is None else 2 * precision * recall / total if total else 0.0
    counts = {"labelled": labelled, "found": found, "drawn": drawn, "right": right}
    return {**counts, "precision": precision, "recall": recall, "f1": f1}


def measure_detections(saliency: NDArray[np.uint8], label: NDArray[np.bool_]) -> DetectionSums:
    """Match the objects of a map (H, W), 0..255, with those of its label (H, W). Needs SciPy.

    Raises ValueError when the shapes differ.
    """
    from scipy.ndimage import label as number_parts

    if saliency.shape != label.shape:
        raise ValueError(f"map {saliency.shape} and label {label.shape} differ in size")
    drawn, drawn_count = number_parts(saliency >= FOUND_FROM)
    labelled, labelled_count = number_parts(label)
    sizes = [np.bincount(one.ravel())[1:] for one in (labelled, drawn)]
    pairs = labelled.astype(np.int64) * (drawn_count + 1) + drawn
    places, shared = np.unique(pairs[label & (drawn > 0)], return_counts=True)
    one, other = places // (drawn_count + 1) - 1, places % (drawn_count + 1) - 1
    iou = shared / (sizes[0][one] + sizes[1][other] - shared)
    found, right = np.zeros(labelled_count, np.bool_), np.zeros(drawn_count, np.bool_)
    for nth in np.argsort(-iou, kind="stable"):
        if iou[nth] >= LEAST_IOU and not found[one[nth]] and not right[other[nth]]:
            found[one[nth]] = right[other[nth]] = True
    classes = [size_classes(size / label.size) for size in sizes]
    counted = (
        np.bincount(kind[which], minlength=len(SIZE_CLASSES))
        for kind, which in (
            (classes[0], slice(None)),
            (classes[0], found),
            (classes[1], slice(None)),
            (classes[1], right),
        )
    )
    return DetectionSums(*(one.astype(np.int64) for one in counted))
