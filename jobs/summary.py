"""What a run prints for people at its end: the table of scenes."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from sgddiff_batch.engine.driver import SceneResult

DAMAGED = "damaged record"
"""The state of a row that tells of a damaged record of the ledger; its scene may have a row of its own."""

_STYLES = {
    "done": "green",
    "unchanged": "dim",
    "quarantined": "yellow",
    "failed": "red",
    "pending": "red",
    DAMAGED: "red",
}


def print_results(results: Iterable[SceneResult], seconds: float, report_uri: str) -> None:
    """Print one row a scene, and where the report is."""
    rows = sorted(results, key=lambda result: result.scene_id)
    table = Table(title=f"{len({row.scene_id for row in rows})} scenes in {seconds:.1f} s")
    for heading in ("scene", "size", "salient area", "seconds", "state"):
        table.add_column(
            heading, justify="left" if heading in ("scene", "state") else "right", overflow="fold"
        )
    for row in rows:
        table.add_row(*_cells(row), style=_STYLES.get(row.state, ""))
    out = console()
    out.print(table, markup=False)
    out.print(f"report: {report_uri}", markup=False, soft_wrap=True)


def _cells(row: SceneResult) -> tuple[str, str, str, str, str]:
    size = f"{row.width_px} x {row.height_px}" if row.width_px else "-"
    salient = f"{row.salient_px / row.valid_px:.2%}" if row.valid_px else "-"
    seconds = f"{sum(row.seconds.values()):.1f}" if row.seconds else "-"
    state = f"{row.state}: {row.reason}" if row.reason else row.state
    return row.scene_id, size, salient, seconds, state


def console() -> Console:
    """Return what prints to people; where that is no terminal, as wide as a table needs."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=160)
