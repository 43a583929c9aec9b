"""What a run prints before any work: why each scene is done, what that takes, and how long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.printing.plan import duration, plan_facts, print_plan
from sgddiff_batch.config import load_config
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.withdrawals import Withdrawals
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import open_bench, plan_run
from tests.kit import jobs
from tests.kit.networks import BrightNetwork


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The plan of a first run over two scenes."""
    folder = tmp_path_factory.mktemp("plan")
    for seed, name in enumerate(("a.tif", "b.tif")):
        jobs.write_scene(folder / "scenes" / name, 100, 90, seed)
    config = jobs.write_config(folder / "run.yaml", folder / "scenes", folder / "out", Path("/nowhere"))
    return plan_run(open_bench(load_config(str(config)), BrightNetwork()))


def printed(run, capsys):
    """The rows of the table, words to value, and the lines below it."""
    print_plan(run)
    lines = capsys.readouterr().out.splitlines()
    cells = [line.split("│")[1:3] for line in lines if line.count("│") == 3]
    end = next(number for number, line in enumerate(lines) if line.startswith("└"))
    return {words.strip(): value.strip() for words, value in cells}, lines[end + 1 :]


def test_what_a_plan_takes_is_what_was_forecast(run, capsys):
    rows, below = printed(run, capsys)
    forecast = run.forecast
    assert (rows["scenes to do"], rows["new"], rows["changed"]) == ("2", "2", "0")
    assert (rows["blocks"], rows["tasks"]) == (str(forecast.blocks), str(forecast.tasks))
    assert rows["halo overhead"] == f"{forecast.halo_overhead:.1%}"
    assert rows["predicted peak memory"] == f"{forecast.peak_memory_bytes / 2**30:.2f} GiB"
    assert rows["estimated time"].startswith("unknown: ")
    assert below == []


def test_a_scene_is_new_changed_of_another_model_or_asked_for_again(run, capsys):
    first, second = run.plan.todo
    key = run.bench.run_key
    changed = SceneRecord(first.scene_id, "another version", key, None)
    again = SceneRecord(second.scene_id, second.version, key, None)
    rows, _ = printed(replace(run, records={first.scene_id: changed, second.scene_id: again}), capsys)
    assert (rows["new"], rows["changed"], rows["asked for again"]) == ("0", "1", "1")
    assert "other model or settings" not in rows
    other = replace(again, run_key="another key")
    rows, _ = printed(replace(run, records={second.scene_id: other}), capsys)
    assert (rows["new"], rows["other model or settings"]) == ("1", "1")


def test_twenty_scenes_that_are_missing_are_named_and_the_others_counted(run, capsys):
    missing = [(Scene(f"{n:02d}.tif", "u", "missing", 0), "[gone]\x1b") for n in range(22)]
    rows, below = printed(replace(run, plan=replace(run.plan, missing=missing)), capsys)
    assert rows["scenes that are missing"] == "22"
    assert below == [*(rf"{n:02d}.tif: [gone]\x1b" for n in range(20)), "and 2 more"]


def test_numbers_that_are_estimated_are_said_to_be(run, capsys):
    rows, _ = printed(run, capsys)
    assert rows["numbers below"] == "exact: all scenes were opened"
    some = replace(run.forecast, scenes=900, opened=16)
    rows, _ = printed(replace(run, forecast=some), capsys)
    assert rows["numbers below"] == "estimated: 16 of 900 scenes were opened, the others by their size"
    rows, _ = printed(replace(run, forecast=replace(some, tiles_error=0.234)), capsys)
    assert rows["numbers below"].endswith("the others by their size; ±23%")


def test_scenes_that_cannot_be_worked_on_are_counted_and_twenty_are_named(run, capsys):
    torn = [SceneResult(f"{n:02d}.tif", "u", "quarantined", "[torn]\x1b") for n in range(21)]
    large = SceneResult("z.tif", "u", "failed", "it is too large")
    refused = replace(run, refused=(*torn, large), forecast=replace(run.forecast, opened=0, refused=22))
    rows, below = printed(refused, capsys)
    assert (rows["that would be quarantined"], rows["that would be failed"]) == ("21", "1")
    assert below[0] == r"00.tif: would be quarantined: [torn]\x1b"
    assert below[20:] == ["and 2 more"]
    told = plan_facts(refused)["refused"]
    assert (len(told), told[-1]) == (
        22,
        {"scene_id": "z.tif", "state": "failed", "reason": "it is too large"},
    )
    assert plan_facts(run)["refused"] == []


def test_what_leaves_the_catalogue_is_named(run, capsys):
    gone = Withdrawals(withdrawn=("x.tif",), refusal="[more] than half")
    rows, _ = printed(replace(run, withdrawals=gone), capsys)
    assert rows["scenes withdrawn"] == "1"
    assert rows["withdrawn from the catalogue"] == "1: x.tif"
    assert rows["withdrawals refused"] == "[more] than half"


def test_without_tiles_there_is_nothing_to_estimate(run, capsys):
    rows, _ = printed(replace(run, forecast=replace(run.forecast, tiles=0)), capsys)
    assert rows["estimated time"] == "nothing to compute"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (172800, "2.0 days")],
)
def test_a_time_is_told_in_the_unit_that_people_would_take(seconds, words):
    assert duration(seconds) == words


@given(st.floats(0, 1e8))
def test_a_time_is_told_to_a_few_percent(seconds):
    number, unit = duration(seconds).split()
    told = float(number) * {"s": 1, "min": 60, "h": 3600, "days": 86400}[unit]
    assert abs(told - seconds) <= max(0.51, 0.35 * seconds if unit == "min" else 0.04 * seconds)
