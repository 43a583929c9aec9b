"""What is said of exports while they are made: to standard error, a line each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sgddiff_batch.core.words import counted, printable
from sgddiff_batch.io.vectors import Written
from sgddiff_batch.runs import Exported


def print_exported(row: Exported) -> None:
    """Say that a file was written, or why it was not; of one that was there already nothing."""
    if row.state == "written":
        print(f"wrote {printable(row.file)}", file=sys.stderr)
    elif row.state == "failed":
        what = printable(row.scene_id or row.mosaic)
        print(f"sgddiff export: {what}: {printable(row.reason or '')}", file=sys.stderr)


def print_objects_exported(file: str, written: Written) -> None:
    """Say how many objects were written to a file, and that some were not."""
    print(f"wrote {printable(file)}: {counted(written.objects, 'object')}", file=sys.stderr)
    if written.left_out:
        print(f"{counted(written.left_out, 'object', 'have')} no place on the globe", file=sys.stderr)
    if written.other_times:
        others = counted(written.other_times, "object", "are")
        print(f"{others} of scenes that were taken at another time, or nobody knows when", file=sys.stderr)


def print_export_counts(rows: Sequence[Exported]) -> None:
    """Say what became of all of them."""
    states = [row.state for row in rows]
    told = (f"{states.count(state)} {state}" for state in ("written", "unchanged", "failed"))
    print(f"{counted(len(rows), 'mosaic')}: {', '.join(told)}", file=sys.stderr)
