"""Budgets of retrying: exact numbers, no clock."""

import math

import pytest

from sgddiff_batch.core.retrying import RetryBudget, RetryCost, backoff_s, retrying
from sgddiff_batch.errors import RetryableError, SceneError

NOTHING = RetryCost()


def test_pauses_grow_and_end():
    assert list(backoff_s(4, 0.5, 3.0)) == [0.5, 1.5, 4.5, 13.5]
    assert list(backoff_s(0)) == []


def test_the_bound_of_pauses_grows_up_to_the_longest_and_then_the_call_is_given_up():
    budget = RetryBudget(attempts=6, first_s=1, factor=3, longest_s=20)
    pauses = [budget.pause_s(failures, 1.0, NOTHING, NOTHING) for failures in range(1, 7)]
    assert pauses == [1, 3, 9, 20, 20, None]


def test_a_pause_is_anywhere_between_nothing_and_its_bound():
    budget = RetryBudget()
    assert [budget.pause_s(2, draw, NOTHING, NOTHING) for draw in (0.0, 0.5, 1.0)] == [0.0, 1.5, 3.0]


@pytest.mark.parametrize(
    ("scene", "run"),
    [
        (RetryCost(3, 0), NOTHING),
        (RetryCost(0, 60), NOTHING),
        (NOTHING, RetryCost(9, 0)),
        (NOTHING, RetryCost(0, 600)),
    ],
)
def test_nothing_is_tried_again_when_the_part_of_the_scene_or_of_the_run_is_used_up(scene, run):
    budget = RetryBudget(scene_retries=3, scene_pause_s=60, run_retries=9, run_pause_s=600)
    assert budget.pause_s(1, 0.5, scene, run) is None
    assert budget.pause_s(1, 0.5, RetryCost(2, 59), RetryCost(8, 599)) is not None


def test_the_cost_adds_up():
    assert RetryCost().plus(2.0).plus(0.5) == RetryCost(2, 2.5)


@pytest.mark.parametrize(
    "wrong",
    [{"attempts": 0}, {"factor": 0.5}, {"run_retries": -1}, {"scene_pause_s": -1.0}, {"first_s": math.nan}],
)
def test_a_senseless_budget_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryBudget(**wrong)


def calls_of(errors, pauses, attempts=5):
    """Make a call that raises ``errors`` one after the other; return how often, and the result."""
    made = []

    def call():
        made.append(1)
        if len(made) <= len(errors):
            raise errors[len(made) - 1]
        return "done"

    budget = RetryBudget(attempts=attempts)
    try:
        result = retrying(call, lambda n: budget.pause_s(n, 1.0, NOTHING, NOTHING), pauses.append)
    except Exception as error:
        result = error
    return len(made), result


def test_a_call_is_made_once_more_for_each_failure():
    pauses = []
    assert calls_of([RetryableError("a"), RetryableError("b")], pauses) == (3, "done")
    assert pauses == [1, 3]


def test_the_last_error_of_a_call_that_is_given_up_passes():
    errors = [RetryableError(str(number)) for number in range(9)]
    assert calls_of(errors, []) == (5, errors[4])


@pytest.mark.parametrize("error", [SceneError("bad"), OSError("odd"), ValueError("ours")])
def test_other_errors_pass_at_once(error):
    pauses = []
    assert calls_of([error], pauses) == (1, error)
    assert pauses == []
