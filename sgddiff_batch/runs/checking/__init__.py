"""Checking: whether what is stored is what was computed and would be computed again; where a pixel is from.

Inside, mosaics are verified against ledger and catalogue, samples of them are computed anew, and a pixel is
explained. Nothing is changed but the marks of what is to be done again.
"""

from __future__ import annotations

from sgddiff_batch.runs.checking.explain import explain_pixel, open_explained
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
    "explain_pixel",
    "findings_report",
    "mark_for_redo",
    "open_explained",
    "recompute_sample",
    "verify_output",
]
