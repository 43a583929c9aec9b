"""What is printed of scenes in quarantine."""

from __future__ import annotations

from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import printable
from sgddiff_batch.runs import Quarantine, reason_of


def print_quarantine(quarantine: Quarantine) -> None:
    """Print the scenes in quarantine as a table."""
    rows = quarantine.scenes()
    table = Table(title=f"{len(rows)} scenes in quarantine")
    for heading in ("scene", "reason", "version", "since", "earlier mosaic", "next run"):
        table.add_column(heading, overflow="fold")
    for record in rows:
        earlier = "is current" if record.store else "none"
        again = "tries it again" if quarantine.is_marked(record) else "leaves it"
        cells = (record.scene_id, reason_of(record), record.version, record.finished_at, earlier, again)
        table.add_row(*map(printable, cells))
    console(200).print(table, markup=False)
