"""What is printed of the objects of an output."""

from __future__ import annotations

from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import counted, printable
from sgddiff_batch.io.objects import MosaicObjects, OutputObjects

_WIDTH = 200


def print_objects(found: OutputObjects) -> None:
    """Print the objects of each mosaic as a table, and where all of them are."""
    table = Table(title=counted(sum(one.objects for one in found.mosaics), "object"))
    for heading in ("scene", "objects", "pixels", "area", "part"):
        table.add_column(heading, overflow="fold")
    for one in found.mosaics:
        table.add_row(*_cells(one))
    for left in found.left_out:
        table.add_row(printable(left.scene_id), "-", "-", "-", f"left out: {printable(left.reason)}")
    console(_WIDTH).print(table, markup=False)
    print(f"objects: {printable(found.uri)}")


def _cells(one: MosaicObjects) -> tuple[str, ...]:
    area = "-" if one.area_m2 is None else f"{one.area_m2:,.0f} m2"
    part = "made" if one.is_new else "was there"
    return printable(one.scene_id), f"{one.objects:,}", f"{one.pixels:,}", area, part
