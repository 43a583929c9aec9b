"""Comparing: what a page says of a run among those before it: alarms, the distribution, lines over runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sgddiff_batch.core.run_measures import AlarmLimits, RunMeasures, alarms, measures_of, pooled
from sgddiff_batch.core.shares import SHARE_CLASSES
from sgddiff_batch.core.words import counted, on_one_line
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.pages import charts
from sgddiff_batch.io.pages.charts import drawing
from sgddiff_batch.io.pages.words import share
from sgddiff_batch.io.reports import read_heads
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)


def runs_before(output: Store, run_id: str, most: int) -> list[RunMeasures]:
    """Return the measures of at most so many runs before one; none where the store fails."""
    if not most:
        return []
    try:
        heads = read_heads(output, most, before=run_id)
    except (SgddiffBatchError, OSError) as error:
        log.warning("the reports before this one could not be read: %s", on_one_line(error))
        return []
    return [*map(measures_of, heads)]


def compared(now: RunMeasures, before: Sequence[RunMeasures], limits: AlarmLimits) -> dict[str, Any]:
    """Return the section on whether a run is as those before it."""
    told = [run for run in before if run.made]
    few = sum(now.classes) < limits.least_scenes or sum(pooled(before)) < limits.least_scenes
    fine = f"Nothing is unlike the {counted(len(told), 'run')} before that can be compared."
    fine = fine if told else "There is no run before that can be compared with."
    if few:
        fine += f" Distributions are compared from {limits.least_scenes} scenes on, which there are not."
    has_classes = sum(now.classes) > 0
    chart = charts.pairs_of_bars(_LABELS, now.classes, pooled(before)) if has_classes else ""
    return {
        "alarms": alarms(now, before, limits),
        "no_alarm": fine,
        "chart": drawing(chart),
        "no_chart": "Its report does not tell how salient the scenes are that it made.",
        "compared": f"{counted(len(told), 'run')} before" if told and has_classes else "",
        "trends": trends_of([*before, now]),
    }


_LABELS = ["none", *(f"≤ {share(end).replace(' ', '')}" for end in SHARE_CLASSES[1:])]


def trends_of(runs: Sequence[RunMeasures]) -> list[dict[str, Any]]:
    """Return a line for each measure over runs, the last one marked, with what that has."""
    rows = []
    for name, words, told in (
        ("salient", "salient part of the pixels with data", share),
        ("no_data", "part without data", share),
        ("seam", "step across borders of tiles over that inside", "{:.2f}".format),
        ("block_seam", "step across borders of blocks and tasks over that inside", "{:.2f}".format),
        ("quarantined", "part of the scenes that went into quarantine", share),
        ("seconds_per_mpx", "seconds a Mpx of tiles, by the clock", "{:.3g}".format),
    ):
        values = [getattr(run, name) for run in runs]
        said = [
            f"{run.run_id}: {told(v)}" if v is not None else "" for run, v in zip(runs, values, strict=True)
        ]
        current = values[-1]
        line = charts.line_of(values, said, words)
        rows.append({"words": words, "now": "-" if current is None else told(current), "line": drawing(line)})
    return rows
