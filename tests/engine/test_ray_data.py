"""What the Ray engine promises beyond the contract: processes that die, hang, or cannot start."""

import os
import signal
from functools import partial

import numpy as np
import pytest

from sgddiff_batch.engine.ray_worker import MAX_STARTS
from sgddiff_batch.errors import ConfigError, FatalError, SceneError
from tests.engine.archives import Archive, UnheardWorker, WatchedReader, read_log
from tests.engine.conftest import on_ray
from tests.kit.fakes import Fault, SyntheticReader, make_scene

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]


@pytest.fixture(scope="module")
def deadly(tmp_path_factory, ray_cluster):
    """A run in which one scene kills its process whenever it is read, and the test kills one, too."""
    root = tmp_path_factory.mktemp("deadly")
    scenes = {
        "a.tif": make_scene(64, 64, 1),
        "deadly.tif": make_scene(16, 16, 2),
        "b.tif": make_scene(64, 64, 4),
    }
    log = root / "reads.jsonl"
    reader = WatchedReader(scenes, log=log, trouble={"deadly.tif": "die"}, read_s=0.02)
    archive = Archive(root / "out", scenes, reader)
    outcomes = []
    for outcome in on_ray(archive, workers=1):
        outcomes.append(outcome)
        if len(outcomes) == 5:
            os.kill(read_log(log)[-1]["pid"], signal.SIGKILL)
    return archive, outcomes, read_log(log)


def test_every_task_has_one_outcome_although_processes_died(deadly):
    archive, outcomes, _ = deadly
    assert sorted(o.task.name + o.task.scene_id for o in outcomes) == sorted(
        task.name + task.scene_id for task in archive.tasks
    )


def test_a_task_that_always_ends_its_process_is_quarantined_and_takes_no_other_with_it(deadly):
    _, outcomes, reads = deadly
    ends = {o.task.scene_id: (o.state, o.reason) for o in outcomes}
    state, reason = ends.pop("deadly.tif")
    assert state == "quarantine"
    assert f"its worker process died {MAX_STARTS} times, 2 of them with no other task in it" in reason
    assert set(ends.values()) == {("stored", None)}
    assert sum(read["scene_id"] == "deadly.tif" for read in reads) == MAX_STARTS


def test_mosaics_are_equal_to_the_byte_although_processes_died(deadly):
    archive, _, _ = deadly
    for mosaic in archive.mosaics:
        if mosaic.id != "deadly.tif":
            archive.writer.commit(mosaic)
            assert np.array_equal(archive.stored(mosaic), archive.expected(mosaic))


def test_a_worker_computes_with_one_thread(deadly):
    assert {read["omp"] for read in deadly[2]} == {"1"}


def test_a_task_that_hangs_fails_in_time_and_its_process_is_replaced(tmp_path):
    scenes = {"stuck.tif": make_scene(16, 16, 1), "good.tif": make_scene(128, 96, 2)}
    log = tmp_path / "reads.jsonl"
    archive = Archive(
        tmp_path / "out", scenes, WatchedReader(scenes, log=log, trouble={"stuck.tif": "hang"}, read_s=0.2)
    )
    ends = {(o.task.scene_id, o.state, o.reason) for o in on_ray(archive, workers=1, task_timeout_s=3.0)}
    assert ends == {("good.tif", "stored", None), ("stuck.tif", "failed", "it did not end within 3 s")}
    assert len({read["pid"] for read in read_log(log)}) == 2


@pytest.mark.parametrize("state", ["quarantine", "failed", "stored"])
def test_an_outcome_whose_process_dies_before_it_is_heard_is_told_again(tmp_path, state):
    scenes = {"a.tif": make_scene(16, 16, 1)}
    error = {"quarantine": SceneError("cut off"), "failed": OSError("cut off")}.get(state)
    faults = [Fault("a.tif", error)] if error else []
    archive = Archive(tmp_path / "out", scenes, SyntheticReader(scenes, faults))
    marker = tmp_path / "died"
    (outcome,) = on_ray(archive, make_worker=partial(UnheardWorker, archive.make_worker, state, marker))
    assert marker.exists()
    assert outcome.state == state
    assert (outcome.reason or "cut off").endswith("cut off")


def _refuse():
    raise ConfigError("model.checkpoint: found nothing at x")


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("make_worker", "error", "message"),
    [
        (_refuse, ConfigError, "^model.checkpoint: found nothing at x$"),
        (_die, FatalError, "while it started"),
    ],
)
def test_a_worker_that_cannot_be_made_ends_the_run_with_the_reason(tmp_path, make_worker, error, message):
    from sgddiff_batch.engine.ray_data import run_ray

    scenes = {"a.tif": make_scene(40, 40, 1)}
    archive = Archive(tmp_path, scenes, SyntheticReader(scenes))
    with pytest.raises(error, match=message):
        list(run_ray(archive.tasks, make_worker, workers=1))
