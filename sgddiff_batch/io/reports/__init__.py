"""Reports: one JSON object a run beside the mosaics, for people and for programs.

Its size is that of what happened: scenes that a run left as they were are counted, all others have a row.
Inside are what a report says, how its rows are kept small meanwhile, and how it is written and read again, a
million rows one at a time. What people look at is made of it elsewhere.
"""

from __future__ import annotations

from sgddiff_batch.io.reports.building import (
    DAMAGED,
    UNKNOWN_RULE,
    Rows,
    Unchanged,
    build_report,
    first_of_each_reason,
    new_run_id,
    versions,
)
from sgddiff_batch.io.reports.packed import Packed
from sgddiff_batch.io.reports.stored import (
    StoredReport,
    open_report,
    read_heads,
    read_last,
    write_report,
)

__all__ = [
    "DAMAGED",
    "UNKNOWN_RULE",
    "Packed",
    "Rows",
    "StoredReport",
    "Unchanged",
    "build_report",
    "first_of_each_reason",
    "new_run_id",
    "open_report",
    "read_heads",
    "read_last",
    "versions",
    "write_report",
]
