"""Runs: what a command does: a run is planned, executed and concluded; an output is looked after.

Inside, rooms of ``io`` and engines are put together over one :class:`Bench`. No flag is read and nothing is
printed here; the network comes from a :class:`sgddiff_batch.protocols.NetworkSource`.
"""

from __future__ import annotations

from sgddiff_batch.runs.attempt import Attempt, Journal
from sgddiff_batch.runs.bench import (
    PIXELS_VERSION,
    Bench,
    check_output,
    leased_bench,
    open_bench,
    open_ledger,
    open_used,
)
from sgddiff_batch.runs.conclude import (
    Ending,
    RunEnd,
    ending_by,
    ending_of,
    expected_seconds,
    judged,
    told_costs,
)
from sgddiff_batch.runs.engines import EngineSettings, run_works
from sgddiff_batch.runs.execute import run_all, told_tally
from sgddiff_batch.runs.export import Exported, export_all
from sgddiff_batch.runs.forecast import Forecast, Workers
from sgddiff_batch.runs.plan import Run, plan_run
from sgddiff_batch.runs.publish import objects_of
from sgddiff_batch.runs.quarantine import Quarantine, read_quarantine, reason_of
from sgddiff_batch.runs.report import history_page, report_page, write_page_at_end
from sgddiff_batch.runs.scope import Scope, read_marks, settle_mark, undamaged
from sgddiff_batch.runs.status import OutputStatus, read_status

__all__ = [
    "PIXELS_VERSION",
    "Attempt",
    "Bench",
    "Ending",
    "EngineSettings",
    "Exported",
    "Forecast",
    "Journal",
    "OutputStatus",
    "Quarantine",
    "Run",
    "RunEnd",
    "Scope",
    "Workers",
    "check_output",
    "ending_by",
    "ending_of",
    "expected_seconds",
    "export_all",
    "history_page",
    "judged",
    "leased_bench",
    "objects_of",
    "open_bench",
    "open_ledger",
    "open_used",
    "plan_run",
    "read_marks",
    "read_quarantine",
    "read_status",
    "reason_of",
    "report_page",
    "run_all",
    "run_works",
    "settle_mark",
    "told_costs",
    "told_tally",
    "undamaged",
    "write_page_at_end",
]
