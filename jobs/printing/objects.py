"""What is printed of the objects of an output."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import counted, printable
from sgddiff_batch.io.objects import History, MosaicObjects, ObjectNews, OutputObjects

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


def print_news(news: Sequence[ObjectNews], unknown: int) -> None:
    """Print objects and what happened to each, and how many could not be told of for want of a time."""
    table = Table(title=counted(len(news), "object"))
    for heading in ("time", "id", "state now", "scene", "area", "lon", "lat"):
        table.add_column(heading, overflow="fold")
    for one in news:
        places = ("-" if value is None else f"{value:.6f}" for value in (one.lon, one.lat))
        table.add_row(one.time, one.id, one.state, printable(one.scene), _area(one.area_m2), *places)
    console(_WIDTH).print(table, markup=False)
    if unknown:
        print(f"{counted(unknown, 'object', 'are')} of scenes of unknown time, and not listed")


def print_history(history: History) -> None:
    """Print what is known of an object, and a row for each mosaic that shows it."""
    by = f"{printable(history.told_by)}, {history.told_at or 'at an unknown time'}"
    print(f"{history.id}: {history.state}, by {by}")
    if history.into is not None:
        print(f"part of {history.into}")
    if history.children:
        print(f"parent of {', '.join(history.children)}")
    table = Table()
    for heading in ("time", "scene", "area", "shown now", "parents"):
        table.add_column(heading, overflow="fold")
    for one in history.sightings:
        shown = "yes" if one.is_current else "no"
        row = one.time or "-", printable(one.scene), _area(one.area_m2), shown, ", ".join(one.parents) or "-"
        table.add_row(*row)
    console(_WIDTH).print(table, markup=False)


def _area(area_m2: float | None) -> str:
    return "-" if area_m2 is None else f"{area_m2:,.0f} m2"


def _cells(one: MosaicObjects) -> tuple[str, ...]:
    part = "made" if one.is_new else "was there"
    return printable(one.scene_id), f"{one.objects:,}", f"{one.pixels:,}", _area(one.area_m2), part
