"""The local engine: each task once, few at a time, and nothing more once the caller or an error stops it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.worker import TaskOutcome, tasks_in_flight
from sgddiff_batch.errors import FatalError
from tests.kit.fakes import make_mosaic

MOSAIC = make_mosaic(80, 64)
TASKS = [Task(MOSAIC, block) for block in MOSAIC.blocks()]
LONG_S = 20.0


class StandIn:
    """A worker that only notes its tasks; ``call`` is made of each, and may wait or raise."""

    def __init__(self, call=lambda task: None):
        self.begun, self.ended, self._call, self._lock = [], [], call, threading.Lock()

    def run(self, task):
        with self._lock:
            self.begun.append(task)
        self._call(task)
        with self._lock:
            self.ended.append(task)
        return TaskOutcome(task, "stored")


@pytest.mark.parametrize("count", [0, 1, 2, len(TASKS)])
def test_every_task_is_run_once_and_has_its_outcome(count):
    worker = StandIn()
    outcomes = list(run_local(TASKS[:count], worker))
    assert sorted(outcome.task.name for outcome in outcomes) == sorted(task.name for task in TASKS[:count])
    assert len(worker.begun) == count


@pytest.mark.parametrize("predictors", [1, 4])
def test_so_many_tasks_are_held_at_once_and_no_more(predictors):
    most = tasks_in_flight(predictors)
    all_there, lock = threading.Barrier(most), threading.Lock()
    running, seen = [0], []

    def meet(task):
        with lock:
            running[0] += 1
            seen.append(running[0])
        all_there.wait(LONG_S)
        with lock:
            running[0] -= 1

    outcomes = run_local(TASKS[: 2 * most], StandIn(meet), predictors)
    assert len(list(outcomes)) == 2 * most
    assert max(seen) == most


def test_a_task_that_is_done_is_told_while_others_are_at_work():
    release = threading.Event()
    worker = StandIn(lambda task: task is TASKS[0] or release.wait(LONG_S))
    outcomes = run_local(TASKS[:3], worker)
    assert next(outcomes).task is TASKS[0]
    release.set()
    assert len(list(outcomes)) == 2


def test_when_the_caller_stops_what_was_started_ends_and_nothing_else_is_started():
    worker, drawn = StandIn(), []
    outcomes = run_local((drawn.append(task) or task for task in TASKS), worker)
    next(outcomes)
    outcomes.close()
    begun = len(worker.begun)
    assert len(worker.ended) == begun <= len(drawn) == tasks_in_flight(1)
    assert begun < len(TASKS)


def test_an_error_of_the_worker_comes_out_and_stops_the_run():
    def fail(task):
        if task is TASKS[1]:
            raise FatalError("the ledger is damaged")

    worker = StandIn(fail)
    with pytest.raises(FatalError, match="the ledger is damaged"):
        list(run_local(TASKS, worker))
    assert len(worker.begun) < len(TASKS)


def test_an_error_of_what_gives_the_tasks_comes_out_when_those_that_were_started_have_ended():
    def broken():
        yield from TASKS[:2]
        raise OSError("the disk is full")

    worker = StandIn()
    with pytest.raises(OSError, match="the disk is full"):
        list(run_local(broken(), worker))
    assert sorted(task.name for task in worker.begun) == sorted(task.name for task in worker.ended)


def test_its_threads_are_gone_when_it_has_ended():
    list(run_local(TASKS, StandIn()))
    assert [thread for thread in threading.enumerate() if thread.name.startswith("task")] == []


def test_it_may_be_run_beside_itself():
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: len(list(run_local(TASKS, StandIn()))), range(2)))
    assert counts == [len(TASKS)] * 2
