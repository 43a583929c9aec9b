"""Calls of the queue: what waits, by shape, and which part of it a batch takes."""

from __future__ import annotations

import pytest

from models.tile_calls import Call, batches_of, grouped

SQUARE, WIDE = (64, 64), (32, 64)


def call_of(**facts):
    return Call("task", grouped([(SQUARE, 5), (WIDE, 2)]), **facts)


def test_tiles_that_are_there_wait_by_their_shape_in_the_order_of_shapes():
    call = call_of(queued=6)
    assert (call.waiting(SQUARE), call.waiting(WIDE), call.waiting((1, 1))) == (5, 1, 0)
    assert call.next_shape == SQUARE
    assert [(part.first, part.last) for part in (call.take(SQUARE, 3), call.take(SQUARE, 9))] == [
        (0, 3),
        (3, 5),
    ]
    assert call.next_shape == WIDE
    part = call.take(WIDE, 9)
    assert (part.task, part.first, part.last, part.count) == ("task", 5, 6, 1)
    assert (call.next_shape, call.at_work) == (None, 3)


def test_more_of_a_shape_may_come_until_all_of_it_is_there():
    call = call_of(queued=5)
    assert not call.may_bring(SQUARE)
    assert call.may_bring(WIDE)
    assert not call.may_bring((1, 1))
    call.is_whole = True
    assert not call.may_bring(WIDE)


def test_of_a_call_that_failed_nothing_waits_and_it_leaves_when_no_batch_holds_it():
    call = call_of(queued=7, at_work=1, error=OSError())
    assert (call.waiting(SQUARE), call.next_shape) == (0, None)
    call.look()
    assert not call.over.is_set()
    call.at_work = 0
    call.look()
    assert call.over.is_set()


def test_a_call_ends_with_its_last_tile():
    call = call_of(queued=7, ended=6, is_whole=True)
    call.look()
    assert not call.over.is_set()
    call.ended = 7
    call.look()
    assert call.over.is_set()


def test_batches_have_one_size_or_one_by_shape():
    assert batches_of(3)(WIDE) == 3
    assert batches_of(lambda shape: shape[0])(WIDE) == 32
    with pytest.raises(ValueError, match="batch_tiles must be at least 1, found 0"):
        batches_of(0)
