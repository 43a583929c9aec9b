"""Several calls at the same time: each is made once, none is waited for by a thread that could make it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sgddiff_batch.io.together import together


@pytest.mark.parametrize("number", [0, 1, 2, 7])
def test_each_item_is_called_for_once_and_one_of_them_in_the_thread_that_asks(number):
    called: list[tuple[int, bool]] = []
    asking = threading.current_thread()
    with ThreadPoolExecutor(3) as threads:
        together(
            threads, lambda item: called.append((item, threading.current_thread() is asking)), range(number)
        )
    assert sorted(item for item, _ in called) == list(range(number))
    assert [is_own for _, is_own in called].count(True) == min(number, 1)


@pytest.mark.parametrize("bad", [0, 2])
def test_an_error_is_raised_once_all_others_have_ended(bad):
    called, others_may_end = [], threading.Event()

    def call(item: int) -> None:
        if item == bad:
            threading.Timer(0.05, others_may_end.set).start()
            raise ValueError(item)
        assert others_may_end.wait(10)
        called.append(item)

    with ThreadPoolExecutor(3) as threads:
        with pytest.raises(ValueError, match=str(bad)):
            together(threads, call, range(3))
        assert sorted(called) == [item for item in range(3) if item != bad]


def test_calls_overlap():
    meeting = threading.Barrier(4, timeout=10)
    with ThreadPoolExecutor(3) as threads:
        together(threads, lambda _: meeting.wait(), range(4))
