"""Ledger: what is done, who may write, and what was found damaged.

Inside are marks, each an object of its own, their index, and the lease with its fence. The ledger knows no
pixels, and nothing outside spells the names of its objects.
"""

from __future__ import annotations

from sgddiff_batch.io.ledger.activity import FileActivity, take_left
from sgddiff_batch.io.ledger.area_cells import check_cells, keep_cells
from sgddiff_batch.io.ledger.damage import DamageBook, DamagedRecordError
from sgddiff_batch.io.ledger.fence import Fence, LeaseWatch, beat_s, fenced, parsed_lease, read_lease
from sgddiff_batch.io.ledger.lease import Lease, is_dead
from sgddiff_batch.io.ledger.left_out import RefusedScene, note_told, untold
from sgddiff_batch.io.ledger.marks import LEDGER, ObjectLedger, read_records
from sgddiff_batch.io.ledger.mending import mended_records
from sgddiff_batch.io.ledger.record_table import RecordTable, record_table
from sgddiff_batch.io.ledger.redo import RedoMark, drop_redo, mark_redo, redo_marks
from sgddiff_batch.io.ledger.speed import Rate, kind_of_work, read_rate, write_rate

__all__ = [
    "LEDGER",
    "DamageBook",
    "DamagedRecordError",
    "Fence",
    "FileActivity",
    "Lease",
    "LeaseWatch",
    "ObjectLedger",
    "Rate",
    "RecordTable",
    "RedoMark",
    "RefusedScene",
    "beat_s",
    "check_cells",
    "drop_redo",
    "fenced",
    "is_dead",
    "keep_cells",
    "kind_of_work",
    "mark_redo",
    "mended_records",
    "note_told",
    "parsed_lease",
    "read_lease",
    "read_rate",
    "read_records",
    "record_table",
    "redo_marks",
    "take_left",
    "untold",
    "write_rate",
]
