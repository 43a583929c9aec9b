"""Shares: every scene with data has a class, and two distributions are as far apart as scenes must move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.shares import SHARE_CLASSES, distance, share_class

COUNTS = st.lists(st.integers(0, 1000), min_size=4, max_size=4)


@given(st.integers(1, 10**12), st.data())
def test_the_class_of_a_scene_is_the_first_whose_end_its_share_does_not_pass(valid, data):
    salient = data.draw(st.integers(0, valid))
    number = share_class(salient, valid)
    assert salient / valid <= SHARE_CLASSES[number]
    assert number == 0 or salient / valid > SHARE_CLASSES[number - 1]


@pytest.mark.parametrize(("salient", "valid", "number"), [(0, 0, None), (0, 9, 0), (1, 10**9, 1), (9, 9, 9)])
def test_a_scene_without_data_has_no_class_and_one_without_objects_the_first(salient, valid, number):
    assert share_class(salient, valid) == number


@given(COUNTS, COUNTS)
def test_a_distance_is_the_same_both_ways_and_between_0_and_1(some, others):
    apart = distance(some, others)
    if apart is None:
        assert not sum(some) or not sum(others)
        return
    assert 0 <= apart <= 1 + 1e-12
    assert apart == pytest.approx(distance(others, some))
    assert distance(some, [3 * count for count in some]) == pytest.approx(0)


def test_it_is_the_part_of_the_scenes_that_would_have_to_be_in_another_class():
    assert distance([10, 0, 0], [0, 5, 0]) == 1
    assert distance([10, 0, 0], [7, 2, 1]) == pytest.approx(0.3)
    assert distance([1, 2], [1, 2, 3]) is None
