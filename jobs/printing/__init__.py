"""Printing: what the verbs show to people: plans, progress, results, findings.

Inside are tables and lines; nothing is decided and nothing is changed here.
"""

from __future__ import annotations

from jobs.printing.area_plan import PrintedArea
from jobs.printing.catalogue import print_generations, print_mosaics
from jobs.printing.explained import print_explained
from jobs.printing.exported import print_export_counts, print_exported
from jobs.printing.findings import print_findings
from jobs.printing.garbage import mebibytes, print_garbage
from jobs.printing.objects import print_objects
from jobs.printing.quarantined import print_quarantine
from jobs.printing.run import PrintedRun
from jobs.printing.status import print_status
from jobs.printing.viewed import print_static_page

__all__ = [
    "PrintedArea",
    "PrintedRun",
    "mebibytes",
    "print_explained",
    "print_export_counts",
    "print_exported",
    "print_findings",
    "print_garbage",
    "print_generations",
    "print_mosaics",
    "print_objects",
    "print_quarantine",
    "print_static_page",
    "print_status",
]
