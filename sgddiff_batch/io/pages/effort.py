"""Effort: what a run took, as words and rows: stages, devices, storage, memory, beside what was predicted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sgddiff_batch.core.run_measures import RunMeasures, number_of, object_of
from sgddiff_batch.io.pages.words import duration, pixels, share, size

Facts = Mapping[str, Any]

_STAGES = {
    "open": "headers of scenes", "begin": "mosaics claimed", "read": "pixels of scenes read and decoded",
    "infer": "the network, and waiting for it", "store": "blocks encoded and written",
    "commit": "mosaics completed and recorded", "objects": "objects drawn", "compose": "cells composed",
}  # fmt: skip


def stages(facts: Facts) -> list[tuple[str, float]]:
    """Return the seconds of each stage, the longest first."""
    seconds = object_of(object_of(facts.get("totals")).get("seconds_by_stage"))
    rows = [(str(name), float(value)) for name, value in seconds.items() if isinstance(value, int | float)]
    return sorted(rows, key=lambda row: -row[1])


def stage_rows(rows: Sequence[tuple[str, float]]) -> list[dict[str, str]]:
    """Return the rows of a table of stages."""
    total = sum(seconds for _, seconds in rows) or 1.0
    return [
        {
            "name": name,
            "words": _STAGES.get(name, ""),
            "seconds": f"{seconds:,.1f}",
            "share": share(seconds / total),
        }
        for name, seconds in rows
    ]


def effort(facts: Facts, now: RunMeasures, before: Sequence[RunMeasures]) -> list[tuple[str, str]]:
    """Return what the run took, and beside it what was predicted where that is known."""
    run, total = object_of(facts.get("run")), sum(seconds for _, seconds in stages(facts))
    rows = [("by the clock", duration(now.seconds) + _predicted_time(now, before))]
    if now.seconds and total:
        rows.append(("seconds of all workers, by seconds of the clock", f"{total / now.seconds:.1f}"))
    if now.tiles:
        tiles = f"{now.tiles:,}"
        rows.append(("tiles computed", tiles + (f" (planned: {run['tiles']:,})" if "tiles" in run else "")))
    if now.seconds_per_mpx:
        rows.append(("Mpx of tiles a second", f"{1 / now.seconds_per_mpx:.3g}"))
    rows += [*_costs(run)]
    rows += [(words, str(run[name])) for name, words in _CREW.items() if name in run]
    rows += [*_memory(run)]
    rows += [(words, size(run[name])) for name, words in _BYTES.items() if run.get(name)]
    if run.get("mosaic_px"):
        rows.append(("pixels planned", pixels(run["mosaic_px"])))
    return rows


_CREW = {"device": "device", "workers": "worker processes", "in_flight": "tasks at once a worker"}
_BYTES = {
    "read_bytes": "to read, before compression (planned)",
    "write_bytes": "to write, before compression (planned)",
}


def _predicted_time(now: RunMeasures, before: Sequence[RunMeasures]) -> str:
    pace = next((run.seconds_per_mpx for run in reversed(before) if run.seconds_per_mpx), None)
    if pace is None or not now.tiles_px:
        return ""
    seconds = pace * now.tiles_px / 1e6
    return f"; at the pace of the last run that computed something: {duration(seconds)}"


def _memory(run: Facts) -> Iterator[tuple[str, str]]:
    if run.get("peak_memory_bytes"):
        yield "peak memory, predicted for all workers", size(run["peak_memory_bytes"])
    if run.get("measured_memory_bytes"):
        yield "peak memory, measured in the process of the run", size(run["measured_memory_bytes"])

    known = number_of(object_of(run.get("costs")), "worker_memory_bytes")
    predicted = number_of(object_of(run.get("costs")), "worker_memory_predicted_bytes")
    if known and predicted:
        yield "peak memory of the largest worker; predicted at most", f"{size(known)}; {size(predicted)}"


def _costs(run: Facts) -> Iterator[tuple[str, str]]:
    """Yield what the work took besides its seconds, as far as the report tells."""
    costs = object_of(run.get("costs"))
    busy, there = number_of(costs, "device_busy_s"), number_of(costs, "device_there_s")
    if busy is not None and there:
        words = f"{share(busy / there)}: {duration(busy)} of {duration(there)}"
        yield "devices computed, from their first batch to their last", words
        yield "devices waited for pixels that were being read, or stored", duration(max(0.0, there - busy))
    calls, writes = number_of(costs, "storage_calls"), number_of(costs, "storage_writes")
    if calls:
        yield (
            "calls of the storage (on a bucket: requests)",
            f"{calls:,.0f}, {writes or 0:,.0f} of them writes",
        )
    retries = number_of(costs, "retries")
    if retries is not None:
        waited = number_of(costs, "retry_wait_s") or 0.0
        words = f"{retries:,.0f}, which waited {duration(waited)}" if retries else "none"
        yield "calls that were made again", words
