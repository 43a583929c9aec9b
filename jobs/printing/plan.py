"""What a run prints before any work: what is new, changed, withdrawn and unchanged, and what that takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice

from rich.markup import escape
from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import printable, redacted
from sgddiff_batch.runs import Forecast, Run, expected_seconds

_GIB, _MIB = 2.0**30, 2.0**20
_TOLD = 20
"""So many scenes are named that are missing, and so many that cannot be worked on."""


def print_plan(run: Run) -> None:
    """Print the plan of a run."""
    table = Table(title="plan", show_header=False)
    for row in (*_scenes(run), *run.listing.rows(), *run.withdrawals.rows(), *_work(run)):
        table.add_row(*map(escape, row))
    console().print(table)
    _name((f"{scene.scene_id}: {reason}" for scene, reason in run.plan.missing), len(run.plan.missing))
    _name((f"{row.scene_id}: would be {row.state}: {row.reason}" for row in run.refused), len(run.refused))


def _name(lines: Iterable[str], count: int) -> None:
    """Print the first of so many lines on what a run cannot work on, and how many there are besides."""
    out = console()
    for line in islice(lines, _TOLD):
        out.print(printable(line), style="yellow", markup=False)
    if count > _TOLD:
        out.print(f"and {count - _TOLD} more", style="yellow")


def _scenes(run: Run) -> list[tuple[str, str]]:
    plan = run.plan
    counts = {
        "scenes to do": len(plan.todo),
        **{f"  {word}": count for word, count in run.why_counts().items()},
        "scenes withdrawn": len(run.withdrawals.withdrawn),
        "scenes unchanged": len(plan.unchanged),
        "scenes in quarantine": len(plan.still_quarantined),
        "scenes that are missing": len(plan.missing),
        "scenes left for another run": len(plan.postponed),
        "files ignored": len(run.listing.ignored),
    }
    return [(words, str(count)) for words, count in counts.items()]


def _work(run: Run) -> list[tuple[str, str]]:
    forecast = run.forecast
    return [
        *((f"  that would be {state}", str(count)) for state, count in _refused(run).items()),
        *([("numbers below", _how_known(forecast))] if forecast.scenes else []),
        ("blocks", str(forecast.blocks)),
        ("tasks", str(forecast.tasks)),
        ("tiles", str(forecast.tiles)),
        ("pixels", f"{forecast.mosaic_px / 1e6:.1f} Mpx"),
        ("halo overhead", f"{forecast.halo_overhead:.1%}"),
        ("predicted peak memory", f"{forecast.peak_memory_bytes / _GIB:.2f} GiB"),
        ("to read", f"{forecast.read_bytes / _MIB:.1f} MiB before compression"),
        ("to write", f"{forecast.write_bytes / _MIB:.1f} MiB before compression"),
        ("estimated time", _estimate(run)),
    ]


def _refused(run: Run) -> dict[str, int]:
    """Return how many of the scenes that were opened cannot be worked on, by the state they would have."""
    return dict(sorted(Counter(row.state for row in run.refused).items()))


def _how_known(forecast: Forecast) -> str:
    if forecast.is_exact:
        return "exact: all scenes were opened"
    opened = forecast.opened + forecast.refused
    by = f"estimated: {opened} of {forecast.scenes} scenes were opened, the others by their size"
    return f"{by}; ±{forecast.tiles_error:.0%}" if forecast.tiles_error else by


def _estimate(run: Run) -> str:
    if not run.forecast.tiles:
        return "nothing to compute"
    seconds = expected_seconds(run.bench, run.forecast.tiles_px)
    if seconds is None:
        return "unknown: no run here has computed tiles like these yet"
    return f"about {duration(seconds)}, as fast as the last run"


def duration(seconds: float) -> str:
    """Return a time for people: 40 s, 12 min, 3.5 h, 2.1 days."""
    for most, unit_s, unit in ((90, 1, "s"), (90 * 60, 60, "min")):
        if seconds < most:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def plan_facts(run: Run) -> dict[str, object]:
    """Return the plan as JSON has it: the table's counts by its words, and what the work takes."""
    scenes = {words.strip().replace(" ", "_"): int(count) for words, count in _scenes(run)}
    work = {**asdict(run.forecast), "halo_overhead": run.forecast.halo_overhead}
    seconds = expected_seconds(run.bench, run.forecast.tiles_px) if run.forecast.tiles else 0.0
    return {
        "scenes": scenes,
        "refused": [
            {"scene_id": row.scene_id, "state": row.state, "reason": row.reason} for row in run.refused
        ],
        "work": {**work, "estimated_seconds": seconds},
        "listing": redacted(run.listing.report()),
    }
