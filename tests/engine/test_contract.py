"""What every engine promises, run on both."""

import time
from collections import Counter

import numpy as np
import pytest

from sgddiff_batch.core.planning import Tiling, plan_tasks
from sgddiff_batch.engine.worker import SKIPPED, tasks_in_flight
from sgddiff_batch.errors import FatalError, RetryableError, UnreadableSceneError
from tests.engine.archives import Archive, WatchedReader, read_log
from tests.kit.fakes import Fault, SyntheticReader, make_scene

SCENES = {
    "good.tif": make_scene(50, 40, 1, no_data_share=0.2),
    "collar.tif": make_scene(33, 47, 2, collar_px=17),
    "corrupt.tif": make_scene(64, 64, 3),
    "strange.tif": make_scene(64, 64, 4),
    "flaky.tif": make_scene(20, 20, 5),
    "down.tif": make_scene(16, 16, 6),
}
FAULTS = [
    Fault("corrupt.tif", UnreadableSceneError("the last strip is cut off")),
    Fault("strange.tif", ValueError("nobody\nthought of this")),
    Fault("flaky.tif", RetryableError("the store is slow"), times=2),
    Fault("down.tif", RetryableError("the store is away")),
]


@pytest.fixture(scope="module")
def mixed(engine, tmp_path_factory):
    """An archive with good, bad and moody scenes, and the outcomes of its tasks."""
    root = tmp_path_factory.mktemp("mixed")
    archive = Archive(root, SCENES, SyntheticReader(SCENES, FAULTS))
    return archive, list(engine(archive))


def of_scene(outcomes, scene_id):
    return [outcome for outcome in outcomes if outcome.task.scene_id == scene_id]


def test_every_task_has_exactly_one_outcome(mixed):
    archive, outcomes = mixed
    assert Counter(outcome.task for outcome in outcomes) == Counter(archive.tasks)


@pytest.mark.parametrize("scene_id", ["good.tif", "collar.tif", "flaky.tif"])
def test_stored_blocks_have_the_digests_of_the_reference_whatever_becomes_of_other_scenes(mixed, scene_id):
    archive, outcomes = mixed
    for outcome in of_scene(outcomes, scene_id):
        assert (outcome.state, outcome.reason) == ("stored", None)
        assert [block.window for block in outcome.blocks] == list(outcome.task.blocks())
        for block in outcome.blocks:
            assert block.digest == archive.expected_digest(outcome.task.mosaic, block.window)


def test_every_stored_block_is_in_the_ledger_and_no_other(mixed):
    archive, outcomes = mixed
    for mosaic in archive.mosaics:
        told = {block for outcome in outcomes if outcome.task.mosaic == mosaic for block in outcome.blocks}
        assert set(archive.ledger.finished_blocks(mosaic.path)) == told


def test_a_scene_error_is_a_quarantine_with_its_reason(mixed):
    ends = Counter((o.state, o.reason) for o in of_scene(mixed[1], "corrupt.tif"))
    assert set(ends) == {("quarantine", "the last strip is cut off"), ("skipped", SKIPPED)}


def test_later_tasks_of_a_spoiled_scene_are_skipped_by_all_workers(mixed):
    ends = Counter(outcome.state for outcome in of_scene(mixed[1], "corrupt.tif"))
    at_once = 2 * tasks_in_flight(1)
    assert ends["quarantine"] <= at_once
    assert ends["skipped"] >= 16 - at_once


def test_an_unexpected_exception_is_a_failure_in_one_line(mixed):
    ends = {(o.state, o.reason) for o in of_scene(mixed[1], "strange.tif")}
    assert ends == {("failed", "ValueError: nobody thought of this"), ("skipped", SKIPPED)}


def test_a_store_that_stays_away_is_a_failure_and_no_quarantine(mixed):
    ends = {(o.state, o.reason) for o in of_scene(mixed[1], "down.tif")}
    assert ends == {("failed", "RetryableError: the store is away")}


def test_a_worker_never_runs_more_tasks_at_once_than_it_may_hold(mixed):
    at_once = [o.seconds["at once"] for o in mixed[1] if "at once" in o.seconds]
    assert 1 < max(at_once) <= tasks_in_flight(1)


def test_seconds_are_told_by_stage(mixed):
    assert all(set(o.seconds) >= {"read", "infer", "store"} for o in mixed[1] if o.state == "stored")


def test_no_task_is_no_outcome(engine, tmp_path):
    archive = Archive(tmp_path, {}, SyntheticReader({}))
    assert list(engine(archive)) == []


def test_mosaics_are_equal_to_the_byte_for_any_block_and_task_size(engine, tmp_path):
    tilings = tuple(Tiling(12, 4, block_px) for block_px in (8, 24, 64, 128))
    scenes = {"a.tif": make_scene(70, 53, 7, no_data_share=0.1), "tiny.tif": make_scene(5, 3, 8)}
    archive = Archive(tmp_path, scenes, SyntheticReader(scenes), tilings)
    memory = {8: 3 * 24 * 8 * 24, 24: 36 * 36 * 24, 64: 10**9, 128: 10**9}
    tasks = [task for m in archive.mosaics for task in plan_tasks(m, memory[m.tiling.block_px])]
    assert {outcome.state for outcome in engine(archive, tasks)} == {"stored"}
    for mosaic in archive.mosaics:
        archive.writer.commit(mosaic)
        assert np.array_equal(archive.stored(mosaic), archive.expected(mosaic))


def test_a_fatal_error_stops_the_run_and_comes_out_of_it(engine, tmp_path):
    scenes = {"a.tif": make_scene(128, 128, 9), "z.tif": make_scene(16, 16, 9)}
    reader = SyntheticReader(scenes, [Fault("z.tif", FatalError("the ledger is damaged"))])
    archive = Archive(tmp_path, scenes, reader)
    tasks = [*archive.tasks[:8], archive.tasks[-1], *archive.tasks[8:-1]]
    with pytest.raises(FatalError, match="the ledger is damaged"):
        list(engine(archive, tasks))
    assert len(archive.ledger.finished_blocks(archive.mosaics[0].path)) < 64


def test_nothing_is_started_any_more_after_the_caller_stopped(engine, tmp_path):
    scenes = {"a.tif": make_scene(128, 128, 10)}
    log = tmp_path / "reads.jsonl"
    archive = Archive(tmp_path / "out", scenes, WatchedReader(scenes, log=log, read_s=0.05))
    outcomes = engine(archive)
    assert next(outcomes).state == "stored"
    outcomes.close()
    time.sleep(0.5)  # what had been started ends
    started = len(read_log(log))
    time.sleep(0.5)
    assert len(read_log(log)) == started < len(archive.tasks)
