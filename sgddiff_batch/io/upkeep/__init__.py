"""Upkeep: looking after an output: what is damaged, what is left over, what may go.

Inside, stores are walked and compared with ledger and catalogue. It reads everything and removes only what
it was asked to.
"""

from __future__ import annotations

from sgddiff_batch.io.upkeep.collecting import collect_garbage
from sgddiff_batch.io.upkeep.garbage import Garbage, Inventory, find_garbage
from sgddiff_batch.io.upkeep.verdict import Verdict
from sgddiff_batch.io.upkeep.verify import verify_disowned, verify_mosaic

__all__ = [
    "Garbage",
    "Inventory",
    "Verdict",
    "collect_garbage",
    "find_garbage",
    "verify_disowned",
    "verify_mosaic",
]
