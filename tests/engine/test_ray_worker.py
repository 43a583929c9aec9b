"""The actor of the Ray engine, without Ray: work and outcomes by ticket, told until they are heard."""

import threading
import time

import pytest

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.ray_worker import RayWorker
from sgddiff_batch.engine.work import Lost, SceneWork
from sgddiff_batch.errors import FatalError, SceneError

WORKS = [SceneWork(Scene(f"{n}.tif", "", "v", 1), f"{n}.tif/v-k.zarr") for n in range(4)]
LONG_S = 20.0


class StandIn:
    """A worker that answers with its work; ``call`` is made of each, and may wait or raise."""

    def __init__(self, call=lambda work: None):
        self.call, self.begun = call, []

    def run(self, work):
        self.begun.append(work)
        self.call(work)
        return work


def actor(worker, timeout_s=3600.0):
    made = RayWorker(lambda label: worker, 2, timeout_s)
    made._worker = worker
    return made


def exchanged(one, works, heard=(), wait_s=LONG_S):
    answer = one.exchange(works, heard, wait_s)
    return dict(answer.outcomes)


def test_work_is_answered_by_its_ticket():
    one = actor(StandIn())
    found = exchanged(one, [(0, WORKS[0]), (1, WORKS[1])])
    while len(found) < 2:
        found |= exchanged(one, [])
    assert found == {0: WORKS[0], 1: WORKS[1]}


def test_an_outcome_is_told_until_it_was_heard():
    one = actor(StandIn())
    assert exchanged(one, [(0, WORKS[0])]) == {0: WORKS[0]}
    assert exchanged(one, []) == {0: WORKS[0]}
    assert exchanged(one, [], heard=[0], wait_s=0.0) == {}


def test_work_that_was_brought_before_is_not_begun_again():
    worker = StandIn()
    one = actor(worker)
    exchanged(one, [(0, WORKS[0])])
    assert exchanged(one, [(0, WORKS[0])]) == {0: WORKS[0]}
    assert worker.begun == [WORKS[0]]


def test_a_call_without_anything_to_tell_ends_after_a_while():
    release = threading.Event()
    one = actor(StandIn(lambda work: release.wait(LONG_S)))
    begun = time.monotonic()
    assert exchanged(one, [(0, WORKS[0])], wait_s=0.05) == {}
    assert time.monotonic() - begun < LONG_S
    release.set()
    assert exchanged(one, []) == {0: WORKS[0]}


def test_what_has_ended_is_told_while_other_work_goes_on():
    release = threading.Event()
    one = actor(StandIn(lambda work: work is WORKS[1] or release.wait(LONG_S)))
    assert exchanged(one, [(0, WORKS[0]), (1, WORKS[1])]) == {1: WORKS[1]}
    release.set()


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (FatalError("the ledger is damaged"), FatalError, "the ledger is damaged"),
        (SceneError("odd"), SceneError, "odd"),
        (ZeroDivisionError("one\ntwo"), FatalError, "a worker process failed with ZeroDivisionError: one$"),
    ],
)
def test_an_error_of_the_worker_ends_the_run_as_one_of_ours(error, raised, words):
    def fail(work):
        raise error

    with pytest.raises(raised, match=words):
        exchanged(actor(StandIn(fail)), [(0, WORKS[0])])


def test_work_that_takes_too_long_is_lost_and_the_process_to_be_replaced():
    release = threading.Event()
    one = actor(StandIn(lambda work: release.wait(LONG_S)), timeout_s=0.01)
    answer = one.exchange([(0, WORKS[0])], [], LONG_S)
    assert answer.is_stuck
    assert dict(answer.outcomes) == {0: Lost(WORKS[0], "it did not end within 0.01 s")}
    release.set()
    assert exchanged(one, [], heard=[0], wait_s=0.05) == {}, "what it still comes to is not heard"
