"""What is printed of the garbage of an output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.upkeep import Garbage, Inventory

_MIB = 2.0**20


def print_garbage(inventory: Inventory, output: str, what: str) -> None:
    """Print what there is to remove as a table, and the rest in lines; ``what`` becomes of it."""
    table = Table(title=f"garbage: {len(inventory.garbage)} items, {mebibytes(inventory.garbage)}")
    for heading in ("kind", "what", "objects", "MiB", "why"):
        table.add_column(
            heading, overflow="fold", justify="right" if heading in ("objects", "MiB") else "left"
        )
    for item in inventory.garbage:
        size = f"{item.size_bytes / _MIB:.2f}"
        table.add_row(*map(printable, (item.kind, item.path, str(item.objects), size, item.why)))
    console().print(table, markup=False)
    for kind, count in sorted(Counter(item.kind for item in inventory.young).items()):
        print(f"left alone for now, too young: {count} of kind {kind}")
    for name in map(printable, inventory.broken):
        print(
            f"named, but not there: {name}; `sgddiff verify --mark-for-redo` lets the next run make it anew"
        )
    for name in map(printable, inventory.unknown):
        print(f"left alone, complete, but the ledger does not know it: {name}")
    if inventory.garbage:
        print(f"{what}; output: {output}")


def mebibytes(items: Iterable[Garbage]) -> str:
    """Return the size of garbage for people."""
    return f"{sum(item.size_bytes for item in items) / _MIB:.2f} MiB"
