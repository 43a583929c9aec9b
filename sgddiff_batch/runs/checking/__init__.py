"""Checking: whether what is stored of an output is what was computed, and would be computed again.

Inside, mosaics are verified against ledger and catalogue, and samples of them computed anew. Nothing is
changed but the marks of what is to be done again.
"""

from __future__ import annotations

from sgddiff_batch.runs.checking.recompute import Sample
from sgddiff_batch.runs.checking.verify import (
    Findings,
    findings_report,
    mark_for_redo,
    recompute_sample,
    verify_output,
)

__all__ = [
    "Findings",
    "Sample",
    "findings_report",
    "mark_for_redo",
    "recompute_sample",
    "verify_output",
]
