import pytest

from jobs.training.retries import retrying
from sgddiff_batch.errors import RetryableError


def test_retrying_waits_longer_each_time_and_lets_other_errors_pass():
    pauses, calls = [], []

    def fail():
        calls.append(1)
        raise RetryableError("busy")

    with pytest.raises(RetryableError, match="busy"):
        retrying(fail, pauses.append, lambda: 1.0)
    assert len(calls) == len(pauses) + 1 == 5
    assert pauses == sorted(set(pauses))
    with pytest.raises(ZeroDivisionError):
        retrying(lambda: 1 // 0, pauses.append)
    assert len(pauses) == 4
