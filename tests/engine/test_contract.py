"""What every engine promises, run on both."""

import time
from collections import Counter

import numpy as np
import pytest

from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.engine.work import SceneOutcome, SharedScene, TaskOutcome
from sgddiff_batch.errors import FatalError, RetryableError, UnreadableSceneError
from tests.engine.archives import IN_FLIGHT, Archive, WatchedReader, read_log
from tests.kit.fakes import Fault, SyntheticReader, make_scene

SCENES = {
    "good.tif": make_scene(50, 40, 1, no_data_share=0.2),
    "collar.tif": make_scene(33, 47, 2, collar_px=17),
    "corrupt.tif": make_scene(64, 64, 3),
    "strange.tif": make_scene(64, 64, 4),
    "flaky.tif": make_scene(20, 20, 5),
    "small.tif": make_scene(9, 7, 7),
    "down.tif": make_scene(16, 16, 6),
    "torn.tif": make_scene(16, 16, 8),
}
FAULTS = [
    Fault("corrupt.tif", UnreadableSceneError("the last strip is cut off")),
    Fault("strange.tif", ValueError("nobody\nthought of this")),
    Fault("flaky.tif", RetryableError("the store is slow"), times=2),
    Fault("down.tif", RetryableError("the store is away")),
    Fault("torn.tif", UnreadableSceneError("no raster"), stage="profile"),
]
GOOD = ["good.tif", "collar.tif", "flaky.tif", "small.tif"]


@pytest.fixture(scope="module")
def mixed(engine, tmp_path_factory):
    """An archive with good, bad and moody scenes, and the results of a run over it."""
    archive = Archive(tmp_path_factory.mktemp("mixed") / "out", SCENES, SyntheticReader(SCENES, FAULTS))
    return archive, archive.run(engine(archive))


def test_every_scene_has_exactly_one_result(mixed):
    assert sorted(mixed[1]) == sorted(SCENES)


@pytest.mark.parametrize("scene_id", GOOD)
def test_mosaics_are_those_of_the_reference_whatever_becomes_of_other_scenes(mixed, scene_id):
    archive, results = mixed
    assert (results[scene_id].state, results[scene_id].reason) == ("done", None)
    assert np.array_equal(archive.stored(scene_id), archive.expected(scene_id))


def test_what_is_done_is_recorded_with_what_it_holds(mixed):
    archive, results = mixed
    for scene_id in GOOD:
        record = archive.ledger.records()[scene_id]
        codes = archive.stored(scene_id)
        assert record.store == results[scene_id].store
        assert record.valid_px == results[scene_id].valid_px == np.count_nonzero(codes != 255)
        contents = archive.ledger.contents(record.store)
        assert sum(block.valid_px for block in contents.blocks) == record.valid_px


def test_a_scene_of_one_task_is_one_piece_of_work_and_a_larger_one_is_shared(mixed):
    archive, _ = mixed
    kinds = {scene_id: Counter() for scene_id in SCENES}
    for outcome in archive.outcomes:
        kinds[outcome.work.scene_id][type(outcome)] += 1
    assert kinds["small.tif"] == {SceneOutcome: 1}
    tasks = 4 * 3
    assert kinds["good.tif"][SharedScene] == kinds["good.tif"][SceneOutcome] == 1
    assert 1 < kinds["good.tif"][TaskOutcome] <= tasks


def test_no_mark_of_work_that_is_done_is_left(mixed):
    archive, _ = mixed
    assert {name.partition("/")[0] for name in archive.ledger.names("blocks")} <= {"strange.tif"}


@pytest.mark.parametrize(
    ("scene_id", "reason"), [("corrupt.tif", "the last strip is cut off"), ("torn.tif", "no raster")]
)
def test_a_scene_error_is_a_quarantine_with_its_reason_and_leaves_nothing_else(mixed, scene_id, reason):
    archive, results = mixed
    assert (results[scene_id].state, results[scene_id].reason) == ("quarantined", reason)
    record = archive.ledger.records()[scene_id]
    assert (record.reason, record.store) == (reason, None)
    assert not (archive.root / scene_id).exists()


def test_later_tasks_of_a_spoiled_scene_are_not_done(mixed):
    ends = Counter(
        o.state for o in mixed[0].outcomes if isinstance(o, TaskOutcome) and o.task.scene_id == "corrupt.tif"
    )
    assert 1 <= ends["quarantine"] <= 2 * (IN_FLIGHT + 2)
    assert ends.total() < 16


def test_an_unexpected_exception_is_a_failure_in_one_line(mixed):
    assert (mixed[1]["strange.tif"].state, mixed[1]["strange.tif"].reason) == (
        "failed",
        "ValueError: nobody thought of this",
    )


def test_a_store_that_stays_away_is_a_failure_and_no_quarantine(mixed):
    assert mixed[1]["down.tif"].state == "failed"
    assert mixed[1]["down.tif"].reason.endswith("the store is away")


def test_a_worker_never_does_more_at_once_than_it_has_threads(mixed):
    assert 1 < mixed[0].at_once <= IN_FLIGHT


def test_seconds_are_told_by_stage(mixed):
    for scene_id in GOOD:
        assert set(mixed[1][scene_id].seconds) == {"open", "begin", "read", "infer", "store", "commit"}


def test_a_second_run_does_what_is_left_and_nothing_else(engine, mixed):
    archive, _ = mixed
    again = Archive(archive.root, SCENES, SyntheticReader(SCENES))
    states = {scene_id: result.state for scene_id, result in again.run(engine(again)).items()}
    assert states == {
        "strange.tif": "done",
        "down.tif": "done",
        "corrupt.tif": "still quarantined",
        "torn.tif": "still quarantined",
    }
    assert np.array_equal(again.stored("strange.tif"), again.expected("strange.tif"))


def test_no_work_is_no_outcome(engine, tmp_path):
    archive = Archive(tmp_path / "out", {}, SyntheticReader({}))
    assert archive.run(engine(archive)) == {}


@pytest.mark.parametrize("block_px", [8, 24, 64])
def test_mosaics_are_equal_to_the_byte_for_any_block_size(engine, tmp_path, block_px):
    scenes = {"a.tif": make_scene(70, 53, 7, no_data_share=0.1), "tiny.tif": make_scene(5, 3, 8)}
    archive = Archive(tmp_path / "out", scenes, SyntheticReader(scenes), Tiling(12, 4, block_px))
    assert {result.state for result in archive.run(engine(archive)).values()} == {"done"}
    for scene_id in scenes:
        assert np.array_equal(archive.stored(scene_id), archive.expected(scene_id))


def test_a_fatal_error_stops_the_run_and_comes_out_of_it(engine, tmp_path):
    scenes = {"a.tif": make_scene(128, 128, 9), "z.tif": make_scene(129, 129, 9)}
    reader = SyntheticReader(scenes, [Fault("z.tif", FatalError("the ledger is damaged"))])
    archive = Archive(tmp_path / "out", scenes, reader)
    with pytest.raises(FatalError, match="the ledger is damaged"):
        archive.run(engine(archive))
    assert "z.tif" not in archive.ledger.records()


def test_nothing_is_started_any_more_after_the_caller_stopped(engine, tmp_path):
    scenes = {"a.tif": make_scene(128, 128, 10)}
    log = tmp_path / "reads.jsonl"
    archive = Archive(tmp_path / "out", scenes, WatchedReader(scenes, log=log, read_s=0.05))
    outcomes = engine(archive)(archive.driver().take)
    assert isinstance(next(outcomes), SharedScene)
    outcomes.close()
    time.sleep(0.5)  # what had been started ends
    started = len(read_log(log))
    time.sleep(0.5)
    assert len(read_log(log)) == started < 64
