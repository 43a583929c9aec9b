"""How a run is shown to people: its plan, its progress, its results."""

from __future__ import annotations

from jobs.printing.plan import print_plan
from jobs.printing.progress import RunProgress
from jobs.printing.results import print_results
from sgddiff_batch.runs import Run, RunEnd


class PrintedRun:
    """Prints a run as it goes, see :class:`sgddiff_batch.runs.RunView`."""

    def planned(self, run: Run) -> None:
        """Print the plan."""
        print_plan(run)

    def progress(self, scenes: int, tiles: int) -> RunProgress:
        """Show a bar on a terminal, lines in the log elsewhere."""
        return RunProgress(scenes, tiles)

    def ended(self, end: RunEnd) -> None:
        """Print the table of results."""
        print_results(end)
