"""How a batch is shared out, and what a worker may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.config import ConfigError
from models.worker import TrainingWorker


@given(workers=st.integers(1, 6), accumulate=st.integers(1, 5), size=st.integers(1, 7))
def test_the_parts_of_all_workers_are_the_batch_each_place_once(workers, accumulate, size):
    batch = workers * accumulate * size
    parts = [
        p for r in range(workers) for p in TrainingWorker(r, workers, accumulate=accumulate).parts(batch)
    ]
    assert [position for part in parts for position in part] == list(range(batch))
    assert {len(part) for part in parts} == {size}


@pytest.mark.parametrize("batch", [1, 3, 5, 10])
def test_a_batch_that_cannot_be_shared_evenly_is_refused(batch):
    with pytest.raises(ConfigError, match="make it a multiple of 4"):
        TrainingWorker(0, 2, accumulate=2).parts(batch)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rank": 2, "workers": 2}, "rank must lie in"),
        ({"precision": "fp16"}, "precision must be one of fp32, bf16"),
        ({"accumulate": 0}, "accumulate must be at least 1"),
    ],
)
def test_a_place_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        TrainingWorker(**wrong)


def test_alone_the_mean_over_workers_is_the_value():
    assert TrainingWorker().mean({"a": 1.5, "b": -2.0}) == {"a": 1.5, "b": -2.0}
