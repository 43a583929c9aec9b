"""What a verification prints: the mosaics with problems, and the rest in lines."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import counted, printable
from sgddiff_batch.io.upkeep import Verdict
from sgddiff_batch.runs import PIXELS_VERSION
from sgddiff_batch.runs.checking import Findings

_SHOWN = 5
"""Problems of one mosaic that the table shows; the JSON has all."""


def print_findings(findings: Findings) -> None:
    """Print the mosaics with problems as a table, and the rest in lines."""
    if findings.damaged:
        table = Table(
            title=f"{len(findings.damaged)} of {counted(findings.mosaics, 'mosaic', 'are')} damaged"
        )
        for heading in ("mosaic", "object", "what is wrong"):
            table.add_column(heading, overflow="fold")
        for verdict in findings.damaged:
            _add_rows(table, verdict, findings.redo)
        console().print(table, markup=False)
    else:
        print(f"{counted(findings.mosaics, 'mosaic')}, {counted(findings.blocks, 'block')}: all sound")
    if findings.older:
        older = counted(findings.older, "mosaic", "have")
        print(
            f"{older} pixels of another pixels_version than {PIXELS_VERSION}, that of this software: "
            "no damage, and the next run makes them anew"
        )
    if noted := sum(1 for verdict in findings.told.values() if verdict.notes):
        were = counted(noted, "mosaic", "were")
        print(f"{were} committed before digests were kept: only decoded, counted, compared inside")
    _print_sample(findings)


def _add_rows(table: Table, verdict: Verdict, redo: Mapping[str, str]) -> None:
    for at, problem in enumerate(verdict.problems[:_SHOWN]):
        name = verdict.store if at == 0 else ""
        table.add_row(*map(printable, (name, problem.key or "-", problem.words)))
    if len(verdict.problems) > _SHOWN:
        table.add_row("", "", f"and {len(verdict.problems) - _SHOWN} more")
    if verdict.store in redo:
        table.add_row("", "", printable(redo[verdict.store]))


def _print_sample(findings: Findings) -> None:
    if findings.seed is None:
        return
    equal = sum(1 for item in findings.recomputed if item.state == "equal")
    print(f"recomputed from their scenes (seed {findings.seed}): {equal} of {len(findings.recomputed)} equal")
    for item in findings.recomputed:
        if item.state != "equal":
            print(printable(f"{item.block.store} {item.block.window.name}: {item.state}: {item.words}"))
