"""Processes that die: when it is the scene, and when it is the machines."""

import pytest

from sgddiff_batch.core.planning import Task
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.ray_worker import MAX_STARTS, SharedCounts, TaskHistory, judged
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader
from tests.kit.fakes import MemoryLedger, MemoryWriter, SyntheticReader, ToyPredictor, make_mosaic, make_scene

MOSAIC = make_mosaic(20, 20)
TASK = Task(MOSAIC, MOSAIC.grid.window)


def died(counts, number, *machines):
    """Let a task be started MAX_STARTS times: in company, and then alone on these machines."""
    counts.start(number)
    for machine in machines:
        counts.start(number, machine)
    return counts.history_of(number, MOSAIC.path)


def state(history, living=("one", "two")):
    return judged(TASK, history, set(living)).state


def test_two_deaths_with_nothing_else_in_the_process_are_the_scene_s():
    history = died(SharedCounts(), 1, "one", "two")
    assert history.starts == MAX_STARTS
    assert state(history) == "quarantine"


@pytest.mark.parametrize("machines", [("one", "gone"), ("gone", "gone"), ("one",), ()])
def test_deaths_of_machines_or_in_company_are_left_to_the_next_run(machines):
    assert state(died(SharedCounts(), 1, *machines)) == "failed"


def test_a_death_alone_that_was_not_the_task_s_clears_all_scenes():
    counts = SharedCounts()
    died(counts, 1, "one", "one")
    counts.stored(1)
    assert state(died(counts, 2, "one", "two")) == "failed"


def test_a_task_that_ends_well_after_a_death_in_company_proves_nothing():
    counts = SharedCounts()
    died(counts, 1, "one")
    counts.stored(1)
    counts.stored(3)
    assert state(died(counts, 2, "one", "two")) == "quarantine"


def test_the_reason_says_how_often_and_how():
    outcome = judged(TASK, TaskHistory(3, ("one", "one"), False, False), {"one"})
    assert outcome.reason.startswith("its worker process died 3 times, 2 of them with no other task in it: ")


def test_a_worker_that_distrusts_a_scene_reads_it_apart_from_then_on():
    scenes = {name: make_scene(20, 20, 1) for name in ("scene.tif", "other.tif")}
    plain, isolated, ledger = SyntheticReader(scenes), SyntheticReader(scenes), MemoryLedger()
    worker = Worker(GuardedReader(plain, isolated, ledger), ToyPredictor(), MemoryWriter(), ledger)
    worker.distrust(Scene("scene.tif", "memory://scene.tif", "v1", 1))
    for scene_id in scenes:
        mosaic = make_mosaic(20, 20, scene_id=scene_id)
        worker._writer.create(mosaic, {})
        assert worker.run(Task(mosaic, mosaic.grid.window)).state == "stored"
    assert {scene_id for _, scene_id in isolated.calls} == {"scene.tif"}
    assert {scene_id for _, scene_id in plain.calls} == {"other.tif"}


def test_a_reader_that_knows_no_care_is_left_as_it_is():
    reader = SyntheticReader({})
    Worker(reader, ToyPredictor(), MemoryWriter(), MemoryLedger()).distrust(Scene("a", "b", "c", 1))
    assert not reader.calls
