"""What a run over an area prints before any work."""

from __future__ import annotations

import logging

from rich.markup import escape
from rich.table import Table

from jobs.console import console
from sgddiff_batch.core.words import first_of
from sgddiff_batch.runs.areas import AreaRun

log = logging.getLogger(__name__)

_GIB = 2.0**30
_TOLD = 10


def print_area_plan(run: AreaRun) -> None:
    """Print what a run would do, and name the first scenes that are refused."""
    table = Table(title=f"area {escape(run.area.name)}", show_header=False)
    scenes = {scene.scene_id for plan in run.changes.touched for scene in plan.scenes}
    table.add_row("mosaics to compose", f"{len(run.changes.touched)}, of {len(scenes)} scenes")
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
