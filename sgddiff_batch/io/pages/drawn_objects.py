"""Drawn objects: what became of an output's objects with a run, counted from what readers have."""

from __future__ import annotations

import logging
from collections.abc import Set
from typing import Any

import pyarrow as pa

from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.objects import RunCounts, count_objects
from sgddiff_batch.io.pages.seen import Seen
from sgddiff_batch.io.pages.words import command
from sgddiff_batch.io.storage import Store

log = logging.getLogger(__name__)

_MOST_ROWS = 2_000_000
"""Of more, counting would take longer than all else of a page."""


def object_news(output: Store, seen: Seen | None, run_id: str, of_run: Set[str] | None) -> dict[str, Any]:
    """Return how many objects a run was first to show, and so on, and what lists them one by one.

    ``object_counts`` are numbers with words, ``object_steps`` sentences with commands. seen: what readers see
    of the output; where it has no objects, nothing is asked. of_run: ids of the scenes that the run made.
    """
    objects = None if seen is None else seen.objects
    if seen is None or objects is None:
        return {"object_counts": [], "object_steps": []}
    made, since = seen.made(of_run)
    days = None if since is None else f"{since:%Y-%m-%d}"
    steps = _steps(output.uri, days) if made else []
    if objects.rows > _MOST_ROWS:
        return {"object_counts": [_count(objects.rows, "sightings of objects")], "object_steps": steps}
    try:
        counts = count_objects(output, objects, run_id, made)
    except (SgddiffBatchError, OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        log.warning("the objects could not be read for the report's page: %s", on_one_line(error))
        return {"object_counts": [], "object_steps": []}
    return {"object_counts": _counts(counts), "object_steps": [_states(counts), *steps]}


def _counts(counts: RunCounts) -> list[dict[str, str]]:
    return [
        _count(sum(counts.states.values()), "objects"),
        _count(counts.new, "objects that no run before has shown"),
        _count(counts.split, "of these were split from others"),
        _count(counts.again, "objects seen again"),
        _count(counts.merged, "objects merged into others"),
        _count(counts.vanished, "objects vanished"),
    ]


def _states(counts: RunCounts) -> dict[str, str | None]:
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.states.items()))
    return {"words": f"Of all objects, by what is known of them now: {states or 'none'}.", "command": None}


def _steps(output: str, days: str | None) -> list[dict[str, str | None]]:
    """Return what lists the objects of the scenes that a run made. days: since when these were taken."""
    if days is None:
        words = "When the scenes of this run were taken is not known, so that no command lists their objects."
        return [{"words": words, "command": None}]
    lists = {
        "--new-since": "New objects, one by one:",
        "--vanished-since": "Those that vanished, one by one:",
    }
    return [
        {"words": words, "command": command("sgddiff", "objects", output, flag, days)}
        for flag, words in lists.items()
    ]


def _count(number: int, words: str) -> dict[str, str]:
    return {"count": f"{number:,}", "words": words}
