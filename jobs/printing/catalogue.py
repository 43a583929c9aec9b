"""What is printed of a catalogue: its mosaics, and its generations."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.generations import Pointer
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.catalogue import MosaicEntry

_WIDTH = 200


def print_mosaics(entries: Sequence[MosaicEntry]) -> None:
    """Print mosaics as a table."""
    table = Table(title=f"{len(entries)} mosaics")
    for heading in ("scene", "state", "size", "salient", "finished", "model", "mosaic"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        table.add_row(*_cells(entry))
    console(_WIDTH).print(table, markup=False)


def _cells(entry: MosaicEntry) -> tuple[str, ...]:
    share = f"{entry.salient_px / entry.valid_px:.2%}" if entry.valid_px else "-"
    size = f"{entry.width_px} x {entry.height_px}"
    model = (entry.model_digest or "-")[:12]
    return entry.scene_id, entry.state, size, share, entry.finished_at, model, entry.uri


def print_generations(output: str, pointer: Pointer) -> None:
    """Print the generations that an output keeps as a table."""
    table = Table(title=f"generations of {escape(printable(output))}")
    for heading in ("generation", "mosaics", "created", "run", ""):
        table.add_column(heading, overflow="fold")
    for one in pointer.kept:
        mark = "current" if one.number == pointer.current else ""
        table.add_row(str(one.number), str(one.rows), one.created, one.run_id, mark)
    console(_WIDTH).print(table, markup=False)
