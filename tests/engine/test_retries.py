"""Retries count over scenes and threads; a call that hangs is left behind."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sgddiff_batch.core.retrying import RetryBudget
from sgddiff_batch.engine import retries as engine_retries
from sgddiff_batch.engine.retries import Retries, StuckError, no_retries
from sgddiff_batch.errors import RetryableError


class Failing:
    """A call that always fails, and counts."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        raise RetryableError("slow down")


def counted(retries, scene):
    call = Failing()
    with pytest.raises(RetryableError):
        retries.call(scene, call)
    return call.calls


def test_a_scene_has_a_budget_of_its_own():
    pauses = []
    retries = Retries(RetryBudget(attempts=5, scene_retries=6), sleep=pauses.append, draw=lambda: 1.0)
    assert [counted(retries, "a") for _ in range(3)] == [5, 3, 1]
    assert counted(retries, "b") == 5
    assert pauses == [1, 3, 9, 27, 1, 3, 1, 3, 9, 27]


def test_when_the_budget_of_the_run_is_used_up_every_call_is_made_once():
    retries = Retries(RetryBudget(attempts=5, run_retries=6), sleep=lambda s: None)
    assert [counted(retries, str(scene)) for scene in range(4)] == [5, 3, 1, 1]
    assert retries.cost.retries == 6


def test_the_budget_of_pauses_ends_retrying_too():
    pauses = []
    retries = Retries(RetryBudget(attempts=9, scene_pause_s=10), sleep=pauses.append, draw=lambda: 1.0)
    assert counted(retries, "a") == 4
    assert pauses == [1, 3, 9]


def test_the_budget_holds_over_threads():
    retries = Retries(RetryBudget(attempts=5, run_retries=50), sleep=lambda s: None)
    with ThreadPoolExecutor(8) as pool:
        calls = sum(pool.map(lambda scene: counted(retries, str(scene)), range(40)))
    assert calls == 40 + 50


def test_jitter_of_a_seeded_source_is_repeatable_and_spreads():
    def pauses(seed):
        slept = []
        counted(Retries(sleep=slept.append, draw=random.Random(seed).random), "a")
        return slept

    assert pauses(1) == pauses(1) != pauses(2)


def test_without_retries_a_call_is_made_once():
    assert counted(no_retries(), "a") == 1


class TestWatchdog:
    def test_what_ends_in_time_is_what_it_is(self):
        retries = Retries(sleep=lambda s: None)
        assert retries.call_in_time("a", "reading it", lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            retries.call_in_time("a", "reading it", lambda: 1 // 0)
        with pytest.raises(TimeoutError, match="its own"):
            retries.call_in_time("a", "reading it", lambda: (_ for _ in ()).throw(TimeoutError("its own")))
        call = Failing()
        with pytest.raises(RetryableError):
            retries.call_in_time("a", "reading it", call)
        assert call.calls == 5

    def test_a_call_that_hangs_is_left_behind_in_a_thread_that_does_not_keep_the_process(self):
        end = threading.Event()
        with pytest.raises(StuckError, match=r"reading it did not end within 0\.05 s"):
            Retries(stuck_after_s=0.05).call_in_time("a", "reading it", end.wait)
        hanging = [thread for thread in threading.enumerate() if thread.name == "watched"]
        assert [thread.daemon for thread in hanging] == [True]
        end.set()
        hanging[0].join()

    def test_a_process_in_which_many_calls_hang_tries_no_more(self, monkeypatch):
        monkeypatch.setattr(engine_retries, "_MOST_STUCK", 2)
        end, retries = threading.Event(), Retries(stuck_after_s=0.05)
        for _ in range(2):
            with pytest.raises(StuckError, match="did not end"):
                retries.call_in_time("a", "reading it", end.wait)
        with pytest.raises(StuckError, match="was not tried: 2 calls"):
            retries.call_in_time("a", "reading it", lambda: 7)
        end.set()
