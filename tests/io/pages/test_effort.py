"""What a run took stands beside what was predicted, as far as its report tells."""

from __future__ import annotations

from typing import Any

from sgddiff_batch.core.run_measures import measures_of
from sgddiff_batch.io.pages import effort


def facts(ending: str | None = "done", run: dict[str, Any] | None = None, **totals: Any) -> dict[str, Any]:
    return {"run_id": "1", "ending": ending, "run": run or {}, "totals": totals, "seconds": 10.0}


def test_time_and_memory_are_told_beside_what_was_predicted():
    told = facts(
        run={"peak_memory_bytes": 2**31, "measured_memory_bytes": 2**30, "tiles": 12},
        tiles=10, tiles_px=10**7, seconds_by_stage={"read": 5.0, "infer": 15.0},
    )  # fmt: skip
    before = [measures_of(facts(tiles=400, tiles_px=10**8))]
    rows = dict(effort.effort(told, measures_of(told), before))
    assert rows["by the clock"] == "10 s; at the pace of the last run that computed something: 1.0 s"
    assert rows["tiles computed"] == "10 (planned: 12)"
    assert rows["seconds of all workers, by seconds of the clock"] == "2.0"
    assert [words for words, value in rows.items() if value in ("2.00 GiB", "1.00 GiB")] == [
        "peak memory, predicted for all workers", "peak memory, measured in the process of the run",
    ]  # fmt: skip
    assert [name for name, _ in effort.stages(told)] == ["infer", "read"]


COSTS = {
    "retries": 3, "retry_wait_s": 12.0, "storage_calls": 12345, "storage_writes": 45, "device_busy_s": 75.0,
    "device_there_s": 100.0, "worker_memory_bytes": 2**30, "worker_memory_predicted_bytes": 3 * 2**30,
}  # fmt: skip


def test_requests_retries_devices_and_memory_of_workers_are_told():
    told = facts(run={"costs": COSTS})
    rows = dict(effort.effort(told, measures_of(told), []))
    assert rows["devices computed, from their first batch to their last"] == "75 %: 75 s of 2 min"
    assert rows["devices waited for pixels that were being read, or stored"] == "25 s"
    assert rows["calls of the storage (on a bucket: requests)"] == "12,345, 45 of them writes"
    assert rows["calls that were made again"] == "3, which waited 12 s"
    assert rows["peak memory of the largest worker; predicted at most"] == "1.00 GiB; 3.00 GiB"


def test_what_a_report_garbles_is_left_out():
    for costs in ({}, [], None, dict.fromkeys(COSTS, "x"), dict.fromkeys(COSTS, float("nan"))):
        told = facts(run={"costs": costs})
        assert [words for words, _ in effort.effort(told, measures_of(told), [])] == ["by the clock"]
    quiet = facts(run={"costs": {"retries": 0}})
    assert dict(effort.effort(quiet, measures_of(quiet), []))["calls that were made again"] == "none"


def test_a_report_without_stages_has_none():
    assert effort.stages({}) == []
    assert effort.effort({}, measures_of({}), []) == [("by the clock", "0.0 s")]
