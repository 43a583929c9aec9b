"""Processes of a cluster that die: what all know of a task, and whether its scene or the machines are bad."""

import pickle

import pytest

from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.ray_worker import MAX_STARTS, SharedCounts, TaskHistory, judged
from tests.kit.fakes import make_mosaic

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
    outcome = judged(TASK, TaskHistory(3, ("one",), False, False), {"one"})
    assert outcome.reason.startswith("its worker process died 3 times: ")


class TestCounts:
    def test_of_what_was_never_started_nothing_is_known(self):
        assert SharedCounts().history_of(7, MOSAIC.path) == TaskHistory(0, (), False, False, None)

    def test_starts_of_tasks_and_workers_are_counted_apart_and_can_be_forgotten(self):
        counts = SharedCounts()
        for what in (1, 1, "worker 1"):
            counts.start(what)
        assert [counts.history_of(what).starts for what in (1, "worker 1", 2)] == [2, 1, 0]
        counts.forget("worker 1")
        counts.forget("worker never")
        assert [counts.history_of(what).starts for what in (1, "worker 1")] == [2, 0]

    def test_a_spoiled_store_is_spoiled_for_all_its_tasks_and_for_no_other(self):
        counts = SharedCounts()
        counts.spoil(1, MOSAIC.path, "quarantine", "torn")
        assert counts.history_of(1, MOSAIC.path).end == ("quarantine", "torn")
        assert counts.history_of(2, MOSAIC.path).is_spoiled
        assert counts.history_of(2, MOSAIC.path).end is None
        assert not counts.history_of(2, "other.zarr").is_spoiled

    def test_they_can_be_sent_to_the_process_that_keeps_them(self):
        counts = pickle.loads(pickle.dumps(SharedCounts()))
        died(counts, 1, "one")
        assert counts.history_of(1).alone_on == ("one",)
        assert pickle.loads(pickle.dumps(counts.history_of(1))) == counts.history_of(1)
