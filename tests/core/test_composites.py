from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sgddiff_batch.core import pyramid
from sgddiff_batch.core.composites import MOST_SCENES, Composite, halve_counts, ranks_of
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.window import Window

RULES = ["latest", "first", "max", "mean"]
CODES = st.one_of(st.just(255), st.integers(0, 255))


@st.composite
def stacks(draw):
    """Some scenes over the same few pixels."""
    count, height, width = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return draw(hnp.arrays(np.uint8, (count, height, width), elements=CODES))


def composed(stack, rule, order=None, parts=1):
    _, height, width = stack.shape
    composite = Composite(height, width, rule)
    for rank in order if order is not None else range(len(stack)):
        for window in Window(0, height, 0, width).split(parts):
            composite.add(stack[rank][window.slices], rank, window)
    return composite.result()


def plain(stack, rule):
    """The rules once more, pixel by pixel."""
    codes = np.full(stack.shape[1:], 255, dtype=np.uint8)
    for row, col in np.ndindex(codes.shape):
        seen = [int(code) for code in stack[:, row, col] if code != 255]
        if seen:
            mean = int(np.floor(sum(seen) / len(seen) + 0.5))
            codes[row, col] = {"latest": seen[-1], "first": seen[0], "max": max(seen), "mean": mean}[rule]
    return codes


@given(stacks(), st.sampled_from(RULES))
def test_every_rule_is_what_it_says_pixel_by_pixel(stack, rule):
    codes, n_obs = composed(stack, rule, parts=10)
    np.testing.assert_array_equal(codes, plain(stack, rule))
    np.testing.assert_array_equal(n_obs, (stack != 255).sum(axis=0))


@given(stacks(), st.sampled_from(RULES), st.randoms(use_true_random=False), st.integers(1, 3))
def test_no_byte_depends_on_the_order_of_arrival_or_on_parts(stack, rule, random, parts):
    order = list(range(len(stack)))
    random.shuffle(order)
    got, wanted = composed(stack, rule, order, parts), composed(stack, rule, parts=10)
    assert [array.tobytes() for array in got] == [array.tobytes() for array in wanted]


@given(stacks(), st.sampled_from(RULES))
def test_a_pixel_without_data_is_one_that_nobody_saw(stack, rule):
    codes, n_obs = composed(stack, rule, parts=10)
    np.testing.assert_array_equal(codes == 255, n_obs == 0)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=CODES))
def test_one_scene_alone_stays_as_it_is(codes):
    for rule in RULES:
        np.testing.assert_array_equal(composed(codes[None], rule, parts=10)[0], codes)


def test_not_salient_is_not_no_data():
    stack = np.array([[[0]], [[255]]], dtype=np.uint8)
    for rule in RULES:
        codes, n_obs = composed(stack, rule, parts=1)
        assert (int(codes[0, 0]), int(n_obs[0, 0])) == (0, 1)


def test_the_mean_of_very_many_scenes_is_exact():
    composite = Composite(1, 2, "mean")
    part = Window(0, 1, 0, 2)
    for rank in range(60_000):
        composite.add(np.array([[254, 253 + rank % 2]], dtype=np.uint8), rank, part)
    codes, n_obs = composite.result()
    assert codes.tolist() == [[254, 254]]  # 253.5 is rounded up
    assert n_obs.tolist() == [[60_000, 60_000]]


@pytest.mark.parametrize("rank", [-1, MOST_SCENES])
def test_a_rank_that_cannot_be_counted_is_refused(rank):
    with pytest.raises(ValueError, match="ranks"):
        Composite(1, 1, "latest").add(np.zeros((1, 1), np.uint8), rank, Window(0, 1, 0, 1))


def test_codes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="of its shape"):
        Composite(2, 2, "max").add(np.zeros((1, 1), np.uint8), 0, Window(0, 1, 0, 2))


SPANS = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(lambda ends: TimeSpan(ends[0], sum(ends)))


@given(st.dictionaries(st.text(max_size=3), SPANS, max_size=8), st.randoms(use_true_random=False))
def test_ranks_rise_by_begin_end_and_id_whatever_the_order(scenes, random):
    items = list(scenes.items())
    random.shuffle(items)
    ranks = ranks_of(items)
    assert sorted(ranks.values()) == list(range(len(scenes)))
    for one in scenes:
        for other in scenes:
            keys = [(scenes[k].start_s, scenes[k].stop_s, k) for k in (one, other)]
            assert (keys[0] < keys[1]) == (ranks[one] < ranks[other])


def test_a_scene_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="once"):
        ranks_of([("a", TimeSpan(0, 0)), ("a", TimeSpan(0, 0))])


@given(stacks())
def test_on_every_level_counts_are_zero_where_the_saliency_has_no_data_and_nowhere_else(stack):
    codes, n_obs = composed(stack, "mean", parts=10)
    while max(codes.shape) > 1:
        codes, n_obs = pyramid.halve(codes), halve_counts(n_obs)
        assert codes.shape == n_obs.shape
        np.testing.assert_array_equal(codes == 255, n_obs == 0)
    assert n_obs[0, 0] == (stack != 255).sum(axis=0).max()
