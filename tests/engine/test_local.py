"""The local engine: each piece of work once, few at a time, nothing more once the caller stops it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.work import Lost
from sgddiff_batch.errors import FatalError


class Piece(int):
    """A piece of work: a number."""

    with_care = False


class Careful(Piece):
    """One that a process died of."""

    with_care = True


WORKS = [Piece(number) for number in range(20)]
LONG_S = 20.0


class StandIn:
    """A worker that notes its work and answers with it; ``call`` is made of each, and may wait or raise."""

    def __init__(self, call=lambda work: None):
        self.begun, self.ended, self._call, self._lock = [], [], call, threading.Lock()

    def run(self, work):
        with self._lock:
            self.begun.append(work)
        self._call(work)
        with self._lock:
            self.ended.append(work)
        return work


def taking(works):
    """A ``take`` that gives these, and then nothing."""
    left = iter(works)
    return lambda: next(left, None)


@pytest.mark.parametrize("count", [0, 1, 2, len(WORKS)])
def test_every_piece_of_work_is_done_once_and_has_its_outcome(count):
    worker = StandIn()
    outcomes = list(run_local(taking(WORKS[:count]), worker))
    assert sorted(outcomes) == WORKS[:count]
    assert len(worker.begun) == count


@pytest.mark.parametrize("threads", [1, 3, 6])
def test_so_much_is_held_at_once_and_no_more(threads):
    all_there, lock = threading.Barrier(threads), threading.Lock()
    running, seen = [0], []

    def meet(work):
        with lock:
            running[0] += 1
            seen.append(running[0])
        all_there.wait(LONG_S)
        with lock:
            running[0] -= 1

    outcomes = run_local(taking(WORKS[: 2 * threads]), StandIn(meet), threads)
    assert len(list(outcomes)) == 2 * threads
    assert max(seen) == threads


def test_what_is_done_is_told_while_other_work_goes_on():
    release = threading.Event()
    worker = StandIn(lambda work: work == 0 or release.wait(LONG_S))
    outcomes = run_local(taking(WORKS[:3]), worker)
    assert next(outcomes) == 0
    release.set()
    assert len(list(outcomes)) == 2


def test_work_that_an_outcome_gave_back_is_taken_when_there_was_none_before():
    queue = WORKS[:1]
    outcomes = run_local(lambda: queue.pop(0) if queue else None, StandIn())
    seen = []
    for outcome in outcomes:
        seen.append(outcome)
        if outcome < 4:
            queue += [WORKS[outcome + 1]]
    assert seen == [0, 1, 2, 3, 4]


def test_what_a_process_died_of_is_done_with_nothing_beside_it():
    beside, running, lock = {}, set(), threading.Lock()

    def note(work):
        with lock:
            running.add(work)
            beside[work] = len(running)
        time.sleep(0.01)
        with lock:
            running.remove(work)

    works = [*WORKS[:5], Careful(5), Careful(6), *WORKS[7:12]]
    assert sorted(run_local(taking(works), StandIn(note), 4)) == WORKS[:12]
    assert (beside[5], beside[6]) == (1, 1)


def test_what_is_given_up_is_an_outcome_and_never_begun():
    worker, lost = StandIn(), Lost(WORKS[1], "its process died 3 times")
    outcomes = list(run_local(taking([WORKS[0], lost, WORKS[2]]), worker))
    assert lost in outcomes
    assert sorted(worker.begun) == [0, 2]


def test_when_the_caller_stops_what_was_started_ends_and_nothing_else_is_taken():
    worker, taken = StandIn(), []
    take = taking(WORKS)
    outcomes = run_local(lambda: taken.append(work := take()) or work, worker, 3)
    next(outcomes)
    outcomes.close()
    assert len(worker.ended) == len(worker.begun) <= len(taken) == 3


def test_an_error_of_the_worker_comes_out_and_stops_the_run():
    def fail(work):
        if work == 1:
            raise FatalError("the ledger is damaged")

    worker = StandIn(fail)
    with pytest.raises(FatalError, match="the ledger is damaged"):
        list(run_local(taking(WORKS), worker))
    assert len(worker.begun) < len(WORKS)


def test_an_error_of_what_gives_the_work_comes_out_when_what_was_started_has_ended():
    left = WORKS[:2]

    def broken():
        if left:
            return left.pop()
        raise OSError("the disk is full")

    worker = StandIn()
    with pytest.raises(OSError, match="the disk is full"):
        list(run_local(broken, worker))
    assert sorted(worker.begun) == sorted(worker.ended) == [0, 1]


def test_its_threads_are_gone_when_it_has_ended():
    list(run_local(taking(WORKS), StandIn()))
    assert [thread for thread in threading.enumerate() if thread.name.startswith("work")] == []


def test_it_may_be_run_beside_itself():
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: len(list(run_local(taking(WORKS), StandIn()))), range(2)))
    assert counts == [len(WORKS)] * 2
