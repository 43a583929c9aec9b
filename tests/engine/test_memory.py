"""Shares of memory: never more than there is, and who came first is served first."""

import threading

import pytest

from sgddiff_batch.engine.memory import SharedMemory

LONG_S = 20.0


def held(memory, wanted_bytes, got, release):
    with memory.share(wanted_bytes):
        got.set()
        assert release.wait(LONG_S)


def start(memory, wanted_bytes):
    """Take a share in a thread of its own; returns what tells that it is held, and what ends that."""
    got, release = threading.Event(), threading.Event()
    thread = threading.Thread(target=held, args=(memory, wanted_bytes, got, release))
    thread.start()
    return got, release, thread


def test_shares_are_held_together_as_long_as_they_fit():
    memory = SharedMemory(10)
    with memory.share(4), memory.share(6):
        got, release, thread = start(memory, 1)
        assert not got.wait(0.05)
    assert got.wait(LONG_S)
    release.set()
    thread.join()


def test_a_large_share_is_not_overtaken_by_small_ones_that_came_later():
    memory = SharedMemory(10)
    with memory.share(5):
        large = start(memory, 10)
        while not memory._waiting:
            pass
        small = start(memory, 1)
        assert not large[0].wait(0.02)
        assert not small[0].wait(0.05), "there is room for it, and it is not its turn"
    assert large[0].wait(LONG_S)
    assert not small[0].is_set()
    large[1].set()
    assert small[0].wait(LONG_S)
    small[1].set()
    for _, _, thread in (large, small):
        thread.join()


def test_a_share_is_given_back_after_an_error():
    memory = SharedMemory(10)
    with pytest.raises(RuntimeError), memory.share(10):
        raise RuntimeError
    with memory.share(10):
        pass


def test_more_than_there_ever_is_is_refused():
    with pytest.raises(ValueError, match="11 bytes are more than the 10"), SharedMemory(10).share(11):
        pass
