"""Calls in threads that nobody has to wait for."""

import threading
import weakref

import pytest

from sgddiff_batch.engine.watched import started


def test_a_call_that_never_ends_holds_nobody_up():
    going_on = threading.Event()
    with pytest.raises(TimeoutError):
        started(going_on.wait).result(0.01)
    going_on.set()


def test_what_a_call_returns_or_raises_comes_out_of_it():
    def leave():
        raise SystemExit("bye")

    assert started(lambda: 7).result(10) == 7
    with pytest.raises(SystemExit, match="bye"):
        started(leave).result(10)


def test_one_call_after_another_is_made_by_one_thread_and_calls_at_the_same_time_by_several():
    first = started(threading.get_ident).result(10)
    assert started(threading.get_ident).result(10) == first
    gate = threading.Barrier(3)

    def meet():
        gate.wait(10)
        return threading.get_ident()

    together = [started(meet) for _ in range(3)]
    assert len({future.result(10) for future in together}) == 3


def test_a_thread_keeps_nothing_of_a_call_that_has_ended():
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    assert started(lambda held=thing: None).result(10) is None
    del thing
    assert started(gone).result(10) is None
