"""How a run is shown to people, and kept for programs: its plan, its progress, its results."""

from __future__ import annotations

from jobs.printing.plan import plan_facts, print_plan
from jobs.printing.progress import RunProgress
from jobs.printing.results import end_facts, print_results
from sgddiff_batch.runs import Run, RunEnd


class PrintedRun:
    """Prints a run as it goes, see :class:`sgddiff_batch.runs.RunView`.

    prints: whether tables are printed. keeps: whether ``facts`` has what they say, for JSON.
    """

    def __init__(self, *, prints: bool = True, keeps: bool = False) -> None:
        self._prints, self._keeps = prints, keeps
        self.facts: dict[str, object] = {}

    def planned(self, run: Run) -> None:
        """Print the plan."""
        if self._keeps:
            self.facts["plan"] = plan_facts(run)
        if self._prints:
            print_plan(run)

    def progress(self, scenes: int, tiles: int) -> RunProgress:
        """Show a bar on a terminal, lines in the log elsewhere."""
        return RunProgress(scenes, tiles)

    def ended(self, end: RunEnd) -> None:
        """Print the table of results."""
        if self._keeps:
            self.facts |= end_facts(end)
        if self._prints:
            print_results(end)
