"""What is printed of a catalogue: its mosaics, and its generations."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.generations import Pointer
from sgddiff_batch.core.words import counted, printable
from sgddiff_batch.io.catalogue import MosaicEntry

_WIDTH = 200
_OTHERS = 80
"""So wide are the columns beside a long URI at least, in which names are folded."""


def print_mosaics(entries: Sequence[MosaicEntry]) -> None:
    """Print mosaics as a table; the URI of each is on one line, to be copied, however long it is."""
    table = Table(title=counted(len(entries), "mosaic"))
    for heading in ("scene", "state", "size", "salient", "finished", "model"):
        table.add_column(heading, overflow="fold")
    longest = max((cell_len(entry.uri) for entry in entries), default=0)
    table.add_column("mosaic", no_wrap=True)
    for entry in entries:
        table.add_row(*_cells(entry))
    out = console(_WIDTH)
    # What is wider than the terminal runs on into its next line, and loses nothing.
    out.width = max(out.width, longest + _OTHERS)
    out.print(table, markup=False)


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
