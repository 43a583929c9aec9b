"""What a run prints for people at its end: the table of scenes."""

from __future__ import annotations

from heapq import nsmallest

from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import counted, printable, redacted
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.io.reports import DAMAGED
from sgddiff_batch.runs import RunEnd

_STYLES = {
    "failed": "red",
    "pending": "red",
    DAMAGED: "red",
    "quarantined": "yellow",
    "still quarantined": "",
    "done": "green",
}
"""The states of rows: those that somebody has to look at come first where there is no room for all."""
_SHOWN = 200


def print_results(end: RunEnd) -> None:
    """Print one row a scene that is not as it was, a few hundred at most, and where report and page are."""
    rows = end.rows
    scenes = len({row.scene_id for row in rows if row.state != DAMAGED}) + end.unchanged
    title = f"{counted(scenes, 'scene')} in {end.seconds:.1f} s, {end.unchanged} of them unchanged"
    table = Table(title=title)
    for heading in ("scene", "size", "salient area", "seconds", "state"):
        table.add_column(
            heading, justify="left" if heading in ("scene", "state") else "right", overflow="fold"
        )
    shown = nsmallest(_SHOWN, rows, key=_urgency)
    for row in sorted(shown, key=lambda row: row.scene_id):
        table.add_row(*_cells(row), style=_STYLES.get(row.state, ""))
    out = console()
    out.print(table if rows else title, markup=False)
    if len(rows) > _SHOWN:
        out.print(f"and {len(rows) - _SHOWN} more; the report has all")
    out.print(f"report: {end.report_uri}", markup=False, soft_wrap=True)
    if end.page_uri is not None:
        out.print(f"page: {end.page_uri}", markup=False, soft_wrap=True)


def _urgency(row: SceneResult) -> tuple[int, str]:
    states = list(_STYLES)
    return states.index(row.state) if row.state in states else len(states), row.scene_id


def _cells(row: SceneResult) -> tuple[str, str, str, str, str]:
    size = f"{row.width_px} x {row.height_px}" if row.width_px else "-"
    salient = f"{row.salient_px / row.valid_px:.2%}" if row.valid_px else "-"
    seconds = f"{sum(row.seconds.values()):.1f}" if row.seconds else "-"
    state = f"{row.state}: {row.reason}" if row.reason else row.state
    return row.scene_id, size, salient, seconds, printable(state)


def end_facts(end: RunEnd) -> dict[str, object]:
    """Return the end of a run as JSON has it; the rows of its scenes are in the report."""
    return {
        "report": end.report_uri,
        "page": end.page_uri,
        "seconds": round(end.seconds, 3),
        "totals": redacted(end.totals),
    }
