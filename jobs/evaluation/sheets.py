"""What an evaluation shows people: the table of scores, and the worst pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from jobs.console import console
from jobs.evaluation.contact_sheet import SheetRow, draw_contact_sheet
from jobs.evaluation.pictures import read_label, read_picture
from jobs.evaluation.scoring import Row, Totals
from jobs.evaluation.work import Scored
from models.sod_metrics import MEASURE_NAMES, ScoreSums
from models.sod_metrics_detections import DetectionSums
from models.sod_metrics_objects import ALARM_ABOVE, WINDOW_PX

PANEL_PX = 512
"""The longer side of a picture, label or map on a sheet."""

_HEADINGS = ("S", "max F", "mean F", "adp F", "max E", "mean E", "adp E", "weighted F", "MAE")
_LONGEST_NAME = 50
_OUR_SHEETS = re.compile(r"worst-\d\d-.*\.png")


def print_scores(totals: Totals) -> None:
    """Print the measures, the recall by size, and the false alarms where there is no object."""
    out = console()
    out.print(_measures_table(totals))
    if totals.with_objects.pictures:
        out.print(_objects_table(totals))
    if totals.detections is not None:
        out.print(_detections_table(totals.detections))
    if totals.alarms.pictures:
        alarms = totals.alarms
        out.print(
            f"empty masks: {alarms.pictures} pictures, false-alarm area {alarms.area / alarms.pictures:.4%} "
            f"on average, {alarms.with_alarm} with any; F and adaptive E are 0 there even for a perfect map"
        )
    if totals.windows.pictures:
        windows = totals.windows
        out.print(
            f"windows of {WINDOW_PX} px without objects: {windows.pictures}, false-alarm area "
            f"{windows.area / windows.pictures:.4%} on average, {windows.with_alarm} with more than "
            f"{ALARM_ABOVE:.1%}"
        )


def _measures_table(totals: Totals) -> Table:
    table = Table(title="scores")
    table.add_column("pictures")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    rows = {"with objects": totals.with_objects}
    if totals.empty.pictures:
        rows["all, empty masks too"] = totals.with_objects + totals.empty
    for title, sums in rows.items():
        table.add_row(f"{title} ({sums.pictures})", *_cells(sums))
    return table


def _cells(sums: ScoreSums) -> list[str]:
    if not sums.pictures:
        return ["-"] * len(_HEADINGS)
    means = sums.means()
    return [f"{getattr(means, name):.4f}" for name in MEASURE_NAMES]


def _objects_table(totals: Totals) -> Table:
    table = Table(title="recall by size (pixels of at least 0.5 count)")
    table.add_column("object's share of the picture")
    for heading in ("objects", "pixels found", "objects found (half of their pixels)"):
        table.add_column(heading, justify="right")
    for name, row in totals.objects.means().items():
        shares = ("-" if row[key] is None else f"{row[key]:.4f}" for key in ("pixel_recall", "found"))
        table.add_row(name, str(row["objects"]), *shares)
    return table


def _detections_table(detections: DetectionSums) -> Table:
    table = Table(title="whole objects, matched at an IoU of 0.5")
    table.add_column("object's share of the picture")
    for heading in ("labelled", "found", "drawn", "right", "precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    for name, row in detections.means().items():
        counts = (str(row[key]) for key in ("labelled", "found", "drawn", "right"))
        shares = ("-" if row[key] is None else f"{row[key]:.4f}" for key in ("precision", "recall", "f1"))
        table.add_row(name, *counts, *shares)
    return table


def clear_sheets(folder: Path) -> None:
    """Remove the sheets of an earlier run, and nothing else, so that only this run's are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if _OUR_SHEETS.fullmatch(path.name):
            path.unlink()


def draw_sheet(folder: Path, place: int, row: Row, panels: Sequence[NDArray[np.uint8]]) -> Path:
    """Draw panels (H, W) or (H, W, 3) of one size side by side, with the scores, as the `place`-th worst."""
    pictures = tuple(panel.transpose(2, 0, 1) if panel.ndim == 3 else panel for panel in panels)
    measures = row.scores.measures
    caption = f"S {measures.s:.3f}  wF {measures.weighted_f:.3f}  MAE {measures.mae:.4f}"
    path = folder / f"worst-{place:02d}-{row.name[:_LONGEST_NAME]}.png"
    path.write_bytes(draw_contact_sheet([SheetRow(row.name, pictures, caption)], (), PANEL_PX))
    return path


def draw_worst(worst: Sequence[Scored], folder: Path) -> None:
    """Draw the worst pictures, in place of those of an earlier run."""
    clear_sheets(folder)
    for place, (row, entry, saliency) in enumerate(worst, 1):
        panels = [read_picture(entry.picture).transpose(1, 2, 0)] if entry.picture else []
        if entry.label:
            panels.append(read_label(entry.label).astype(np.uint8) * 255)
        draw_sheet(folder, place, row, [*panels, saliency])
