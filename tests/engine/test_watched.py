"""Calls in threads that nobody has to wait for."""

import threading

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
