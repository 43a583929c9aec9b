"""What the tables of papers do not say: which objects are found, by size, and false alarms without any.

An object is a connected part of a label (corners touch). Maps count as they are, not stretched: a pixel is
found at a probability of one half or more, which is 128 of 255. False alarms are measured where there is no
object: in whole pictures with an empty label, and in windows of 320 px of every picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FOUND_FROM = 128
SIZE_LIMITS = (0.005, 0.02)
SIZE_CLASSES = ("below 0.5 %", "0.5 to 2 %", "above 2 %")
"""Shares of the picture; both limits belong to the class in the middle."""
WINDOW_PX = 320
"""Side of the windows without objects."""
ALARM_ABOVE = 0.001
"""A window's false alarm is counted above this share of its area; a few scattered pixels mark nothing."""


@dataclass(frozen=True, slots=True)
class ObjectSums:
    """Sums over objects by size class, (3,) each; sums of several workers merge by `+`.

    objects: how many; pixel_recall: of the shares, 0..1, of their pixels that were found; found: how many
    have at least half of their pixels found.
    """

    objects: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    pixel_recall: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    found: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))

    def __post_init__(self) -> None:
        if {self.objects.shape, self.pixel_recall.shape, self.found.shape} != {(3,)}:
            raise ValueError("sums over objects are (3,) numbers each, by size class")

    def __add__(self, other: ObjectSums) -> ObjectSums:
        return ObjectSums(
            self.objects + other.objects, self.pixel_recall + other.pixel_recall, self.found + other.found
        )

    def means(self) -> dict[str, dict[str, float | int | None]]:
        """By size class: objects, pixel_recall and found as shares in 0..1, None where there is no object."""
        return {
            name: {
                "objects": int(count),
                "pixel_recall": float(recall / count) if count else None,
                "found": float(found / count) if count else None,
            }
            for name, count, recall, found in zip(
                SIZE_CLASSES, self.objects, self.pixel_recall, self.found, strict=True
            )
        }


@dataclass(frozen=True, slots=True)
class AlarmSums:
    """Sums over pictures with an empty mask, or over windows without objects; they merge by `+`.

    area: of the shares, 0..1, of pixels at one half or more. with_alarm: how many have a false alarm.
    """

    pictures: int = 0
    area: float = 0.0
    with_alarm: int = 0

    def __add__(self, other: AlarmSums) -> AlarmSums:
        return AlarmSums(
            self.pictures + other.pictures, self.area + other.area, self.with_alarm + other.with_alarm
        )

    def means(self, what: str = "pictures") -> dict[str, float | int | None]:
        """The mean false-alarm area and the share with an alarm, None for none at all. what: the noun."""
        return {
            what: self.pictures,
            "false_alarm_area": self.area / self.pictures if self.pictures else None,
            f"{what}_with_alarm": self.with_alarm / self.pictures if self.pictures else None,
        }


def measure_objects(saliency: NDArray[np.uint8], label: NDArray[np.bool_]) -> ObjectSums:
    """Count and score the objects of a label (H, W) in a map (H, W), 0..255. Needs SciPy.

    Raises ValueError when the shapes differ.
    """
    from scipy.ndimage import label as number_parts

    if saliency.shape != label.shape:
        raise ValueError(f"map {saliency.shape} and label {label.shape} differ in size")
    numbers, count = number_parts(label, structure=np.ones((3, 3)))
    if not count:
        return ObjectSums()
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    hits = np.bincount(numbers[saliency >= FOUND_FROM], minlength=count + 1)[1:]
    classes = size_classes(sizes / label.size)
    recall = hits / sizes
    return ObjectSums(
        np.bincount(classes, minlength=3),
        np.bincount(classes, weights=recall, minlength=3).astype(np.float64),
        np.bincount(classes[recall >= 0.5], minlength=3),
    )


def measure_alarms(saliency: NDArray[np.uint8]) -> AlarmSums:
    """Measure the false alarms of a map (H, W), 0..255, whose label is empty."""
    area = float((saliency >= FOUND_FROM).mean())
    return AlarmSums(1, area, int(area > 0))


def measure_windows(saliency: NDArray[np.uint8], label: NDArray[np.bool_]) -> AlarmSums:
    """Measure the false alarms of a map (H, W), 0..255, in the windows of WINDOW_PX without a salient pixel.

    The windows lie side by side from the first row and column; what is left at the far sides is not looked
    at.
    Raises ValueError when the shapes differ.
    """
    if saliency.shape != label.shape:
        raise ValueError(f"map {saliency.shape} and label {label.shape} differ in size")
    empty = _window_counts(label) == 0
    areas = _window_counts(saliency >= FOUND_FROM)[empty] / WINDOW_PX**2
    return AlarmSums(int(empty.sum()), float(areas.sum()), int((areas > ALARM_ABOVE).sum()))


def _window_counts(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many pixels of (H, W) are marked in each whole window, (H // WINDOW_PX, W // WINDOW_PX)."""
    rows, columns = (side // WINDOW_PX for side in marked.shape)
    whole = marked[: rows * WINDOW_PX, : columns * WINDOW_PX]
    counts: NDArray[np.int64] = whole.reshape(rows, WINDOW_PX, columns, WINDOW_PX).sum((1, 3), dtype=np.int64)
    return counts


def size_classes(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the size class (n), a place in SIZE_CLASSES, of objects by their shares (n) of the picture."""
    low, high = SIZE_LIMITS
    return (shares >= low).astype(np.int64) + (shares > high)
