"""How far a run is: what its heartbeats tell, and the rate over the last minutes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.progress import WINDOW_S, Progress, Tally

SOME = Progress(done=1200, quarantined=3, failed=1, left=98_000, rate=2.5)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


def test_what_is_told_is_understood():
    assert Progress.from_json(SOME.to_json()) == SOME
    assert Progress.from_json(SOME.to_json() | {"a_later_key": [1]}) == SOME


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "half",
        {},
        {"done": 1},
        SOME.to_json() | {"left": -1},
        SOME.to_json() | {"left": 1.5},
        SOME.to_json() | {"done": True},
        SOME.to_json() | {"rate": math.inf},
        SOME.to_json() | {"rate": math.nan},
        SOME.to_json() | {"rate": "fast"},
    ],
)
def test_what_cannot_be_understood_is_nothing_and_no_damage(told):
    assert Progress.from_json(told) is None


def test_the_time_left_is_that_at_the_rate_and_not_known_without_one():
    assert SOME.seconds_left == 98_000 / 2.5
    assert Progress(0, 0, 0, 5, 0.0).seconds_left is None
    assert Progress(5, 0, 0, 0, 0.0).seconds_left == 0.0


def test_a_tally_counts_by_state_what_is_settled_and_what_is_left():
    tally = Tally(7, Clock())
    for state in ("done", "empty", "quarantined", "failed", "done"):
        tally.count(state)
    assert tally.progress() == Progress(done=3, quarantined=1, failed=1, left=2, rate=0.0)


def test_more_than_was_planned_leaves_nothing_left():
    tally = Tally(0, Clock())
    tally.count("done")
    assert tally.progress().left == 0


def test_the_rate_is_that_of_the_last_minutes_and_not_of_the_whole_run():
    clock = Clock()
    tally = Tally(10**6, clock)
    for _ in range(120):  # an hour at 1 a second, asked every 30 s
        clock.now_s += 30
        for _ in range(30):
            tally.count("done")
        tally.progress()
    assert tally.progress().rate == pytest.approx(1.0)
    for _ in range(int(WINDOW_S // 30)):
        clock.now_s += 30
        tally.progress()
    assert tally.progress().rate == 0.0
    assert tally.progress().seconds_left is None


def test_before_the_window_is_full_the_rate_is_that_since_the_beginning():
    clock = Clock()
    tally = Tally(100, clock)
    for _ in range(10):
        tally.count("done")
    clock.now_s += 5
    assert tally.progress().rate == 2.0
    clock.now_s += 5
    assert tally.progress().rate == 1.0


@given(st.lists(st.tuples(st.floats(0.1, 700), st.integers(0, 50)), max_size=60))
def test_however_seldom_it_is_asked_the_rate_is_of_a_window_at_least_as_long(steps):
    clock, past = Clock(), [(1000.0, 0)]
    tally = Tally(10**6, clock)
    for pause_s, count in steps:
        clock.now_s += pause_s
        for _ in range(count):
            tally.count("done")
        past.append((clock.now_s, past[-1][1] + count))
        since_s, before = next(
            seen for seen in reversed(past) if clock.now_s - seen[0] >= WINDOW_S or seen is past[0]
        )
        assert tally.progress().rate == pytest.approx((past[-1][1] - before) / (clock.now_s - since_s))
