"""History: one page over all runs of an output, from the heads of their reports."""

from __future__ import annotations

from typing import Any

from sgddiff_batch.core.run_measures import RunMeasures, measures_of
from sgddiff_batch.core.words import counted, printable
from sgddiff_batch.io.pages.comparing import trends_of
from sgddiff_batch.io.pages.rendering import rendered
from sgddiff_batch.io.pages.sections import ENDINGS
from sgddiff_batch.io.pages.words import at, duration, share
from sgddiff_batch.io.reports import read_heads
from sgddiff_batch.io.storage import Store

MOST_RUNS = 1000
"""Of more runs the page shows the last ones: three years of nights."""
_IN_LINES = 120
_OTHERS = ("failed", "pending", "still quarantined")


def history_of(output: Store) -> bytes:
    """Return the page over all runs of an output, the newest first: HTML in UTF-8.

    Raises:
        FileNotFoundError: if none has left a report.
        ConfigError, RetryableError: as the store does.
    """
    runs = [*map(measures_of, read_heads(output, MOST_RUNS))]
    if not runs:
        raise FileNotFoundError(f"{output.uri!r} has no report: give the output.uri of a run that has ended")
    words = f"{counted(len(runs), 'run')} of {output.uri}, the newest first"
    more = f"; of more runs the last {MOST_RUNS:,} are shown" if len(runs) == MOST_RUNS else ""
    context = {
        "title": "All runs",
        "subtitle": printable(words + more),
        "trends": trends_of(runs[-_IN_LINES:]),
        "in_lines": min(len(runs), _IN_LINES),
        "runs": [_row(run) for run in reversed(runs)],
    }
    return rendered("history.html", context)


def _row(run: RunMeasures) -> dict[str, Any]:
    ending = run.ending or ""
    code, tone = ENDINGS[ending][:2] if ending in ENDINGS else (None, "")
    others = [f"{run.states[state]:,} {state}" for state in _OTHERS if run.states.get(state)]
    return {
        "run": printable(run.run_id),
        "page": f"report-{run.run_id}.html" if run.has_page else None,
        "begun": at(run.started_at),
        "ending": printable(ending or "not told"),
        "code": "" if code is None else str(code),
        "tone": tone,
        "took": duration(run.seconds),
        "made": f"{run.states.get('done', 0):,}",
        "unchanged": f"{run.states.get('unchanged', 0):,}",
        "quarantined": f"{run.states.get('quarantined', 0):,}",
        "others": ", ".join(others),
        "tiles": f"{run.tiles:,}",
        "salient": "-" if run.salient is None else share(run.salient),
        "no_data": "-" if run.no_data is None else share(run.no_data),
    }
