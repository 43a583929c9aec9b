"""What a run over an area prints before any work."""

from __future__ import annotations

import logging

from rich.markup import escape
from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import counted, first_of, printable, redacted
from sgddiff_batch.runs.areas import AreaEnd, AreaRun

log = logging.getLogger(__name__)

_GIB = 2.0**30
_TOLD = 10


def print_area_plan(run: AreaRun) -> None:
    """Print what a run would do, and name the first scenes that are refused."""
    table = Table(title=f"area {escape(run.area.name)}", show_header=False)
    scenes = {scene.scene_id for plan in run.changes.touched for scene in plan.scenes}
    table.add_row("mosaics to compose", f"{len(run.changes.touched)}, of {counted(len(scenes), 'scene')}")
    table.add_row("unchanged", str(len(run.changes.unchanged)))
    table.add_row("in quarantine", str(len(run.changes.quarantined)))
    table.add_row("without scenes now", str(len(run.changes.gone)))
    table.add_row("scenes refused", str(len(run.members.refused)))
    table.add_row("predicted peak memory", f"{run.peak_memory_bytes / _GIB:.2f} GiB")
    if run.changes.refusal:
        log.warning("%s: %s", run.area.name, run.changes.refusal)
    models = sorted({scene.model_digest or "unknown" for plan in run.plans.values() for scene in plan.scenes})
    if len(models) > 1:
        log.warning(
            "%s: scenes of %d models are composed, whose saliency may not be comparable: %s; "
            "the provenance of each area mosaic names the model of each of its scenes",
            run.area.name,
            len(models),
            first_of([model[:12] for model in models]),
        )
    console().print(table)
    for refused in run.members.refused[:_TOLD]:
        log.warning("%s: not in any area mosaic: %s", refused.scene_id, refused.reason)
    if len(run.members.refused) > _TOLD:
        log.warning("and %d more scenes; the report names all", len(run.members.refused) - _TOLD)


class PrintedArea:
    """Prints a run over an area as it goes, and keeps for JSON what that says; ``prints``: or only that."""

    def __init__(self, name: str, *, prints: bool) -> None:
        self._prints = prints
        self.facts: dict[str, object] = {"area": name}

    def planned(self, run: AreaRun) -> AreaRun:
        """Print the plan, and return it."""
        self.facts["plan"] = area_plan_facts(run)
        if self._prints:
            print_area_plan(run)
        return run

    def ended(self, end: AreaEnd) -> None:
        """Print where the report and its page are."""
        self.facts |= area_end_facts(end)
        if self._prints:
            print(f"report: {printable(end.report_uri)}")
            if end.page_uri is not None:
                print(f"page: {printable(end.page_uri)}")


def area_plan_facts(run: AreaRun) -> dict[str, object]:
    """Return what a run would do as JSON has it; how many mosaics, but for the scenes."""
    changes = run.changes
    return {
        "to_compose": len(changes.touched),
        "unchanged": len(changes.unchanged),
        "in_quarantine": len(changes.quarantined),
        "without_scenes": len(changes.gone),
        "scenes_refused": len(run.members.refused),
        "withdrawals_refused": changes.refusal,
        "peak_memory_bytes": run.peak_memory_bytes,
    }


def area_end_facts(end: AreaEnd) -> dict[str, object]:
    """Return what a run over an area left as JSON has it."""
    return {
        "report": end.report_uri,
        "page": end.page_uri,
        "seconds": round(end.seconds, 3),
        "totals": redacted(end.totals),
    }
