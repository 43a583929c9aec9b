"""What an evaluation finds out of maps and labels: a row a picture, totals, and the report as JSON."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sod_metrics import MapScores, ScoreSums, score_map
from models.sod_metrics_detections import LEAST_IOU, DetectionSums, measure_detections
from models.sod_metrics_objects import (
    ALARM_ABOVE,
    WINDOW_PX,
    AlarmSums,
    ObjectSums,
    measure_alarms,
    measure_objects,
    measure_windows,
)

FORMAT_VERSION = 1
PROTOCOL = (
    "PySODMetrics' definitions on uint8 maps, no test-time augmentation, sizes restored to the label's size; "
    "maps are stretched to 0..1 a picture, curves averaged over pictures before their maximum is taken; "
    "labels are salient above 127. Objects (connected parts of a label, corners touch) and false alarms: "
    "maps as they are, found at 0.5 or more; both recalls are means over objects. Windows without objects: "
    f"whole windows of {WINDOW_PX} x {WINDOW_PX} px, side by side from the first row and column, without a "
    f"salient pixel; one has an alarm where more than {ALARM_ABOVE:.1%} of it is found."
)
DETECTIONS = (
    "Detections: objects as `sgddiff objects` draws them, of a label its salient pixels, of a map those at "
    "0.5 or more, that hang together by edges; one of a map is right if the area shared with one of the "
    f"label is at least {LEAST_IOU} of that of both, each counted once, larger overlaps first; labelled ones "
    "are of the class of their own size, drawn ones of theirs."
)
"""What the protocol says besides where whole objects are matched."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture, scored. `salient_px` is the label's area; a picture without any counts for `alarms`.

    windows: false alarms in the picture's windows without objects. detections: None where not asked for.
    """

    name: str
    height_px: int
    width_px: int
    salient_px: int
    scores: MapScores
    objects: ObjectSums
    alarms: AlarmSums
    windows: AlarmSums
    detections: DetectionSums | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the label has no salient pixel."""
        return not self.salient_px

    @property
    def rank(self) -> tuple[float, str]:
        """Sorts the worst first: by S, the one measure that is also fair where the mask is empty."""
        return self.scores.s, self.name


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over pictures: those with objects, those without, what was found by size, and false alarms.

    alarms: in pictures with an empty mask; windows: in windows without objects, of all pictures.
    """

    with_objects: ScoreSums
    empty: ScoreSums
    objects: ObjectSums
    alarms: AlarmSums
    windows: AlarmSums
    detections: DetectionSums | None = None

    def plain(self) -> dict[str, Any]:
        """The means as plain values, None or nothing where there is nothing to average."""
        plain = {
            "pictures": self.with_objects.pictures + self.empty.pictures,
            "with_objects": _means(self.with_objects),
            "empty_masks": self.alarms.means() | {"mae": _mae(self.empty)},
            "all_pictures": _means(self.with_objects + self.empty),
            "objects_by_size": self.objects.means(),
            "windows_without_objects": self.windows.means("windows"),
        }
        return plain if self.detections is None else plain | {"detections_by_size": self.detections.means()}


def score_picture(
    name: str, saliency: NDArray[np.uint8], label: NDArray[np.bool_], *, detections: bool = False
) -> Row:
    """Score a map (H, W), 0..255, against its label (H, W). Raises ValueError when their sizes differ.

    detections: match whole objects, too.
    """
    try:
        scores = score_map(saliency, label)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    salient = int(np.count_nonzero(label))
    alarms = AlarmSums() if salient else measure_alarms(saliency)
    height, width = label.shape
    objects, windows = measure_objects(saliency, label), measure_windows(saliency, label)
    found = measure_detections(saliency, label) if detections else None
    return Row(name, height, width, salient, scores, objects, alarms, windows, found)


def sum_up(rows: Sequence[Row]) -> Totals:
    """Sum the rows. Means are taken from the sums, so that those of several workers could be added."""
    detections = [row.detections for row in rows if row.detections is not None]
    return Totals(
        ScoreSums.over(row.scores for row in rows if not row.is_empty),
        ScoreSums.over(row.scores for row in rows if row.is_empty),
        functools.reduce(operator.add, (row.objects for row in rows), ObjectSums()),
        functools.reduce(operator.add, (row.alarms for row in rows), AlarmSums()),
        functools.reduce(operator.add, (row.windows for row in rows), AlarmSums()),
        functools.reduce(operator.add, detections, DetectionSums()) if detections else None,
    )


def build_report(rows: Sequence[Row], maps: dict[str, Any], folders: dict[str, str]) -> dict[str, Any]:
    """The report as plain values: where the maps come from, totals, and picture by picture."""
    matched = any(row.detections is not None for row in rows)
    return {
        "format_version": FORMAT_VERSION,
        "protocol": f"{PROTOCOL} {DETECTIONS}" if matched else PROTOCOL,
        "folders": folders,
        "maps": maps,
        "totals": sum_up(rows).plain(),
        "pictures": [_plain(row) for row in rows],
    }


def _plain(row: Row) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "name": row.name,
        "height_px": row.height_px,
        "width_px": row.width_px,
        "salient_area": row.salient_px / (row.height_px * row.width_px),
        "empty_mask": row.is_empty,
        **asdict(row.scores.measures),
        "windows_without_objects": row.windows.means("windows"),
    }
    if row.detections is not None:
        plain["detections_by_size"] = row.detections.means()
    if row.is_empty:
        return plain | {"false_alarm_area": row.alarms.area}
    return plain | {"objects_by_size": row.objects.means()}


def _means(sums: ScoreSums) -> dict[str, Any]:
    return {"pictures": sums.pictures} | (asdict(sums.means()) if sums.pictures else {})


def _mae(sums: ScoreSums) -> float | None:
    return sums.means().mae if sums.pictures else None
