"""What a run prints for people: the plan, and the table of scenes at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sgddiff_batch.engine.driver import SceneResult
from sgddiff_batch.engine.survey import Forecast, RunPlan
from sgddiff_batch.io.archive_files import IgnoredFile

_GIB = 2.0**30
_MIB = 2.0**20
_STYLES = {"done": "green", "unchanged": "dim", "quarantined": "yellow", "failed": "red", "pending": "red"}


def print_plan(
    plan: RunPlan,
    forecast: Forecast,
    ignored: Sequence[IgnoredFile],
    listing: Iterable[tuple[str, str]] = (),
) -> None:
    """Print what a run would do; ``listing`` are more rows, of what its sources say."""
    table = Table(title="plan", show_header=False)
    table.add_row("scenes to do", str(forecast.scenes))
    table.add_row("scenes unchanged", str(len(plan.unchanged)))
    table.add_row("scenes in quarantine", str(len(plan.still_quarantined)))
    table.add_row("scenes that cannot be opened", str(len(plan.refused)))
    table.add_row("files ignored", str(len(ignored)))
    for row in listing:
        table.add_row(*map(escape, row))
    table.add_row("tasks", str(forecast.tasks))
    table.add_row("tiles", str(forecast.tiles))
    table.add_row("halo overhead", f"{forecast.halo_overhead:.1%}")
    table.add_row("predicted peak memory", f"{forecast.peak_memory_bytes / _GIB:.2f} GiB")
    table.add_row("to read", f"{forecast.read_bytes / _MIB:.1f} MiB before compression")
    table.add_row("to write", f"{forecast.write_bytes / _MIB:.1f} MiB before compression")
    console = _console()
    console.print(table)
    for refusal in plan.refused:
        console.print(f"{refusal.scene.scene_id}: {refusal.reason}", style="yellow", markup=False)


def print_results(results: Iterable[SceneResult], seconds: float, report_uri: str) -> None:
    """Print one row a scene, and where the report is."""
    rows = sorted(results, key=lambda result: result.scene_id)
    table = Table(title=f"{len(rows)} scenes in {seconds:.1f} s")
    for heading in ("scene", "size", "salient area", "seconds", "state"):
        table.add_column(
            heading, justify="left" if heading in ("scene", "state") else "right", overflow="fold"
        )
    for row in rows:
        table.add_row(*_cells(row), style=_STYLES.get(row.state, ""))
    console = _console()
    console.print(table, markup=False)
    console.print(f"report: {report_uri}", markup=False, soft_wrap=True)


def _cells(row: SceneResult) -> tuple[str, str, str, str, str]:
    size = f"{row.width_px} x {row.height_px}" if row.width_px else "-"
    salient = f"{row.salient_px / row.valid_px:.2%}" if row.valid_px else "-"
    seconds = f"{sum(row.seconds.values()):.1f}" if row.seconds else "-"
    state = f"{row.state}: {row.reason}" if row.reason else row.state
    return row.scene_id, size, salient, seconds, state


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)
