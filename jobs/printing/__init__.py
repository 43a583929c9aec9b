"""Printing: what the verbs show to people: plans, progress, results, findings.

Inside are tables and lines; nothing is decided and nothing is changed here.
"""

from __future__ import annotations

from jobs.printing.area_plan import print_area_plan
from jobs.printing.console import console
from jobs.printing.findings import print_findings
from jobs.printing.run import PrintedRun

__all__ = [
    "PrintedRun",
    "console",
    "print_area_plan",
    "print_findings",
]
