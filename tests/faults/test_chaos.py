"""A short storm, the same each time: kills, a second run, failing requests, scenes that change and vanish."""

import pytest

from tests.faults.chaos import run_chaos, script
from tests.faults.storm_ambush import STAGES
from tests.faults.storm_proxy import Storm
from tests.kit.s3 import lead_to

SEED = 5


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_a_storm_the_archive_is_that_of_a_quiet_run(tmp_path, checkpoint, s3_server, monkeypatch):
    lead_to({}, monkeypatch)
    try:
        told = run_chaos(tmp_path, s3_server, checkpoint, seed=SEED, scenes=6, runs=2, permille=30)
    finally:
        s3_server.filesystem.rm("storm", recursive=True)
    assert told.wrong == []
    assert told.acts["kill"] >= 1
    assert told.acts["second"] >= 1
    assert told.acts["replace"] >= 1
    assert sum(count for what, count in told.acts.items() if what.startswith("request ")) >= 5


def test_the_script_of_a_seed_is_always_the_same_and_each_run_has_its_end():
    whole = script(3, 6, 60, 3)
    assert whole == script(3, 6, 60, 3) != script(4, 6, 60, 3)
    assert {run[-1].what for run in whole} == {"kill", "stop"}
    assert {"node", "second", "replace"} <= {act.what for run in whole for act in run}
    assert all(run == sorted(run, key=lambda act: act.after_puts) for run in whole)


def test_workers_are_killed_at_every_stage_before_its_answer_and_after_it():
    acts = {act.what for seed in (1, 2, 3) for run in script(seed, 6, 60, 3) for act in run}
    kills = {what for what in acts if what.startswith("worker ")}
    assert kills == {f"worker {when} {stage}" for when in ("before", "after") for stage in STAGES}


def test_what_happens_to_a_request_does_not_depend_on_the_requests_beside_it():
    def faults(others):
        storm, found = Storm("127.0.0.1:1", 1, 300), []
        storm.quiet = False
        for number in range(40):
            for _ in range(others):
                storm.fault("GET", f"/bucket/other-{number}")
            found.append(storm.fault("PUT", "/bucket/key"))
        return found

    assert faults(0) == faults(3)
    assert {"", "503", "500", "reset", "slow", "lost"} == set(faults(0))
