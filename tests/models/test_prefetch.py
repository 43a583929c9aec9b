"""Batches drawn ahead."""

import threading

import pytest

from models.prefetch import Ahead


def test_batches_come_in_order_each_once_and_no_further_than_the_last_step():
    drawn = []

    def draw(step):
        drawn.append(step)
        return step * 10

    with Ahead(draw, 3, 7) as ahead:
        assert [ahead.take() for _ in range(5)] == [30, 40, 50, 60, 70]
        assert ahead.waited_s >= 0
    assert drawn == [3, 4, 5, 6, 7]


def test_the_next_batch_is_drawn_while_this_one_is_worked_on():
    second = threading.Event()

    def draw(step):
        if step == 1:
            second.set()
        return step

    with Ahead(draw, 0, 1) as ahead:
        assert ahead.take() == 0
        assert second.wait(10), "step 1 is drawn only when it is asked for"


def test_what_drawing_raises_reaches_the_one_who_takes():
    def draw(step):
        raise ValueError(f"picture {step} is gone")

    with pytest.raises(ValueError, match="picture 0 is gone"), Ahead(draw, 0, 9) as ahead:
        ahead.take()
