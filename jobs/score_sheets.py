"""What `jobs/evaluate.py` shows people: the table of scores, and the worst pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

from jobs.scoring import Row, Totals
from models.sod_metrics import MEASURE_NAMES, ScoreSums

PANEL_PX = 512
"""No side of a picture, label or map on a sheet is longer."""

_HEADINGS = ("S", "max F", "mean F", "adp F", "max E", "mean E", "adp E", "weighted F", "MAE")
_MARGIN_PX, _STRIP_PX = 8, 24
_PAPER, _INK = (250, 250, 248), (40, 42, 46)
_NARROWEST_PX = 400
_LONGEST_NAME = 50
_OUR_SHEETS = re.compile(r"worst-\d\d-.*\.png")


def print_scores(totals: Totals) -> None:
    """Print the measures, the recall by size, and the false alarms where a mask is empty."""
    console = _console()
    console.print(_measures_table(totals))
    if totals.with_objects.pictures:
        console.print(_objects_table(totals))
    if totals.alarms.pictures:
        alarms = totals.alarms
        console.print(
            f"empty masks: {alarms.pictures} pictures, false-alarm area {alarms.area / alarms.pictures:.4%} "
            f"on average, {alarms.with_alarm} with any; F and adaptive E are 0 there even for a perfect map"
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


def clear_sheets(folder: Path) -> None:
    """Remove the sheets of an earlier run, and nothing else, so that only this run's are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if _OUR_SHEETS.fullmatch(path.name):
            path.unlink()


def draw_sheet(folder: Path, place: int, row: Row, panels: Sequence[NDArray[np.uint8]]) -> Path:
    """Draw panels (H, W) or (H, W, 3) of one size side by side, with the scores, as the `place`-th worst."""
    parts = [Image.fromarray(np.ascontiguousarray(panel)).convert("RGB") for panel in panels]
    for part in parts:
        part.thumbnail((PANEL_PX, PANEL_PX))
    width = sum(part.width + _MARGIN_PX for part in parts) + _MARGIN_PX
    sheet = Image.new("RGB", (max(width, _NARROWEST_PX), parts[0].height + _STRIP_PX + _MARGIN_PX), _PAPER)
    measures = row.scores.measures
    name = row.name[:_LONGEST_NAME].encode(errors="replace").decode()
    caption = f"{name}  S {measures.s:.3f}  wF {measures.weighted_f:.3f}  MAE {measures.mae:.4f}"
    ImageDraw.Draw(sheet).text((_MARGIN_PX, 5), caption, _INK, ImageFont.load_default(12))
    left = _MARGIN_PX
    for part in parts:
        sheet.paste(part, (left, _STRIP_PX))
        left += part.width + _MARGIN_PX
    path = folder / f"worst-{place:02d}-{row.name[:_LONGEST_NAME]}.png"
    sheet.save(path)
    return path


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)
