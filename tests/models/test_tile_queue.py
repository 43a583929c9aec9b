"""The queue of tiles: each one once, full batches, a bounded wait, fairness, failures that stay alone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from models.tile_calls import Call, grouped
from models.tile_queue import TileQueue, _Verdict

NEVER_S = 1e6
"""So long a wait that a test in which it runs out does not end."""


class Device:
    """Notes its batches as (task, first, last) of each part; `held`: it computes nothing until let go."""

    def __init__(self, held=False):
        self.batches, self.lock, self.open = [], threading.Lock(), threading.Event()
        self.errors = {}
        self.begun = threading.Semaphore(0)
        if not held:
            self.open.set()

    def compute(self, parts):
        with self.lock:
            self.batches.append([(part.task, part.first, part.last) for part in parts])
        self.begun.release()
        self.open.wait()
        return [self.errors.get(part.task) for part in parts]

    def sizes(self, number):
        return {task: last - first for task, first, last in self.batches[number]}


@contextmanager
def queue_of(device, batch_tiles, **settings):
    queue = TileQueue(device.compute, batch_tiles, **settings)
    try:
        yield queue
    finally:
        device.open.set()
        queue.close()


def in_thread(call, *given):
    """Start a call; returns its thread and, once it ends, what it raised."""
    raised = []

    def work():
        try:
            call(*given)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, raised


def wait_until(condition):
    while not condition():
        pass


def square(*counts):
    """The shapes of tiles of 64 x 64 px that come so many at a time, and how they come."""
    return [((64, 64), sum(counts))], list(counts)


def enter(queue, name, count, shape=(64, 64)):
    """Start a call with tiles that are all there, and wait until they are queued; the device must be held."""
    before = len(queue._calls)
    thread, raised = in_thread(queue.run, name, [(shape, count)], [count])
    wait_until(lambda: len(queue._calls) > before and queue._calls[before].is_whole)
    return thread, raised


@pytest.mark.parametrize(("batch_tiles", "lanes", "abreast"), [(1, 1, 1), (1, 3, 3), (16, 3, 1), (5, 2, 2)])
def test_every_tile_of_every_call_is_in_one_batch_and_none_is_too_large(batch_tiles, lanes, abreast):
    device = Device()
    rng = np.random.default_rng(0)
    arrivals = {name: rng.integers(0, 9, rng.integers(1, 5)).tolist() for name in range(60)}

    def shapes(name):
        return [((64 + name % 2, 64), sum(arrivals[name]))]

    with queue_of(device, batch_tiles, lanes=lanes, abreast=abreast) as queue:
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda name: queue.run(name, shapes(name), arrivals[name]), arrivals))
        assert queue.batches == len(device.batches)
        assert queue.tiles == sum(map(sum, arrivals.values()))
    seen = Counter((task, k) for batch in device.batches for task, a, b in batch for k in range(a, b))
    assert set(seen.values()) == {1}
    assert set(seen) == {(name, k) for name, counts in arrivals.items() for k in range(sum(counts))}
    assert all(0 < sum(b - a for _, a, b in batch) <= batch_tiles for batch in device.batches)
    assert all(len({task % 2 for task, _, _ in batch}) == 1 for batch in device.batches)


def test_a_batch_that_is_not_full_goes_at_once_for_a_lone_caller():
    device = Device()
    with queue_of(device, 16, patience_s=NEVER_S) as queue:
        queue.run("first", *square(3))
        queue.run("second", *square(17))
    assert [device.sizes(k) for k in range(3)] == [{"first": 3}, {"second": 16}, {"second": 1}]


def test_the_end_of_a_lone_call_does_not_wait_for_the_device_either():
    device = Device(held=True)
    with queue_of(device, 16, lanes=3, abreast=1, patience_s=NEVER_S) as queue:
        call, _ = enter(queue, "alone", 20)
        device.begun.acquire()
        device.begun.acquire()
        device.open.set()
        call.join()
    assert sorted(device.sizes(k)["alone"] for k in range(2)) == [4, 16]


def test_while_the_device_is_busy_a_batch_waits_for_more():
    device = Device(held=True)
    with queue_of(device, 4, lanes=3, abreast=1, patience_s=0.0) as queue:
        calls = [enter(queue, "first", 1)]
        device.begun.acquire()
        calls += [enter(queue, "second", 1), enter(queue, "third", 2)]
        assert len(device.batches) == 1
        calls.append(enter(queue, "fourth", 1))
        device.begun.acquire()
        device.open.set()
        for thread, _ in calls:
            thread.join()
    assert device.sizes(1) == {"second": 1, "third": 2, "fourth": 1}


def test_when_the_device_is_done_a_batch_goes_as_it_is_if_nobody_can_add_to_it():
    device = Device(held=True)
    with queue_of(device, 4, lanes=3, abreast=1, patience_s=NEVER_S) as queue:
        calls = [enter(queue, "first", 4), enter(queue, "second", 1), enter(queue, "third", 1)]
        device.begun.acquire()
        queue._company = 2  # as if "first" had been gone for long
        device.open.set()
        for thread, _ in calls:
            thread.join()
    assert device.sizes(1) == {"second": 1, "third": 1}


def test_a_call_whose_tiles_are_on_their_way_is_waited_for():
    device, more = Device(), threading.Event()

    def arrivals():
        yield 1
        more.wait()
        yield 3

    with queue_of(device, 4, patience_s=NEVER_S) as queue:
        thread, _ = in_thread(queue.run, "slow", square(4)[0], arrivals())
        wait_until(lambda: queue._calls and queue._calls[0].queued == 1)
        assert device.batches == []
        more.set()
        thread.join()
    assert [device.sizes(k) for k in range(len(device.batches))] == [{"slow": 4}]


def test_those_who_were_here_a_moment_ago_are_waited_for_and_come_into_the_batch():
    device = Device(held=True)
    with queue_of(device, 3, lanes=3, abreast=1, patience_s=NEVER_S) as queue:
        calls = [enter(queue, "a", 3), enter(queue, "b", 3)]
        device.open.set()
        for thread, _ in calls:
            thread.join()
        device.open.clear()  # else they may be gone before `enter` has seen them
        calls = [enter(queue, "a again", 1)]
        assert len(device.batches) == 2
        calls.append(enter(queue, "b again", 1))
        device.open.set()
        for thread, _ in calls:
            thread.join()
    assert device.sizes(2) == {"a again": 1, "b again": 1}


def test_those_who_have_their_codes_but_have_not_left_yet_are_waited_for():
    with queue_of(Device(), 16, patience_s=NEVER_S) as queue:
        groups, shape = grouped(square(8)[0]), (64, 64)
        done, here = Call("done", groups, queued=8, ended=8, is_whole=True), Call("here", groups, queued=8)
        here.is_whole, queue._company, queue._calls = True, 2, [done, here]
        assert queue._judge(shape, [here]) is _Verdict.NOW
        done.look()
        assert queue._judge(shape, [here]) is _Verdict.SOON
        queue._calls = []


def test_those_who_do_not_come_back_are_waited_for_once():
    device = Device(held=True)
    with queue_of(device, 4, lanes=3, abreast=1, patience_s=0.01) as queue:
        calls = [enter(queue, name, 2) for name in "abc"]
        assert queue._company == 3
        device.open.set()
        for thread, _ in calls:
            thread.join()
        queue.run("alone", *square(1))
        assert queue._company == 1
        queue._patience_s = NEVER_S
        queue.run("alone again", *square(1))


def test_a_small_call_is_in_the_next_batch_and_a_large_one_has_half_of_each():
    device = Device(held=True)
    with queue_of(device, 8, patience_s=0.0) as queue:
        calls = [enter(queue, "large", 100)]
        device.begun.acquire()
        calls += [enter(queue, "larger", 200), enter(queue, "small", 3), enter(queue, "tiny", 1)]
        device.open.set()
        for thread, _ in calls:
            thread.join()
    assert device.sizes(1) == {"large": 4, "tiny": 1, "small": 3}
    assert device.sizes(2) == {"large": 4, "larger": 4}


def test_a_stream_of_small_calls_does_not_starve_a_large_one():
    device = Device(held=True)
    with queue_of(device, 4, patience_s=0.0) as queue:
        calls = [enter(queue, "large", 40)]
        device.begun.acquire()
        calls += [enter(queue, name, 4) for name in range(30)]
        device.open.set()
        for thread, _ in calls:
            thread.join()
    numbers = [k for k in range(len(device.batches)) if "large" in device.sizes(k)]
    assert max(numbers) <= 40 / 2


def test_batches_of_one_go_to_the_first_and_to_the_smallest_in_turn():
    device = Device(held=True)
    with queue_of(device, 1) as queue:
        calls = [enter(queue, "large", 9)]
        device.begun.acquire()
        calls += [enter(queue, "small", 3)]
        device.open.set()
        for thread, _ in calls:
            thread.join()
    order = [next(iter(device.sizes(k))) for k in range(1, 8)]
    assert order.count("small") == 3
    assert all(order[k : k + 2].count("large") >= 1 for k in range(len(order) - 1))


def test_what_goes_wrong_with_a_call_ends_that_call_alone():
    device = Device(held=True)
    device.errors["bad"] = MemoryError("no room")
    with queue_of(device, 4, patience_s=0.0) as queue:
        first = enter(queue, "first", 4)
        device.begun.acquire()
        good, bad = enter(queue, "good", 2), enter(queue, "bad", 50)
        device.open.set()
        for thread, _ in (first, good, bad):
            thread.join()
        assert (good[1], [str(error) for error in bad[1]]) == ([], ["no room"])
        queue.run("later", *square(9))
    assert sum(device.sizes(k).get("bad", 0) for k in range(len(device.batches))) <= 4


def test_an_error_of_a_whole_batch_ends_the_calls_in_it_and_the_queue_goes_on():
    def compute(parts):
        if parts[0].task == "bad":
            raise SystemExit("whatever it is")
        return [None for _ in parts]

    queue = TileQueue(compute, 4)
    with pytest.raises(SystemExit, match="whatever"):
        queue.run("bad", *square(4))
    queue.run("good", *square(4))
    queue.close()


def test_a_call_that_cannot_bring_its_tiles_fails_alone_and_gives_up_those_it_brought():
    device = Device(held=True)

    def arrivals():
        yield 4
        device.begun.acquire()
        yield 40
        device.open.set()
        raise OSError("the bus")

    with queue_of(device, 4) as queue:
        with pytest.raises(OSError, match="the bus"):
            queue.run("bad", square(44)[0], arrivals())
        queue.run("good", *square(4))
    assert sum(device.sizes(k).get("bad", 0) for k in range(len(device.batches))) < 44


def test_a_caller_leaves_only_when_no_batch_holds_its_tiles():
    device = Device(held=True)
    with queue_of(device, 4) as queue:

        def arrivals():
            yield 4
            device.begun.acquire()
            raise KeyboardInterrupt

        thread, raised = in_thread(queue.run, "interrupted", square(8)[0], arrivals())
        wait_until(lambda: queue._calls and queue._calls[0].error is not None)
        thread.join(0.05)
        assert thread.is_alive()
        device.open.set()
        thread.join()
    assert [type(error) for error in raised] == [KeyboardInterrupt]


def test_the_shapes_of_a_call_are_batched_apart_and_together_with_those_of_others():
    device = Device(held=True)
    with queue_of(device, 4, patience_s=0.0) as queue:
        calls = [enter(queue, "first", 4)]
        device.begun.acquire()
        for name in ("left", "right"):
            shapes = [((64, 64), 2), ((64, 32), 1), ((32, 64), 2)]
            calls.append(in_thread(queue.run, name, shapes, [3, 2]))
        wait_until(lambda: len(queue._calls) == 3 and all(call.is_whole for call in queue._calls))
        device.open.set()
        for thread, _ in calls:
            thread.join()
        assert (queue.tiles, queue.places) == (14, 16)
    together = [{"left": (0, 2), "right": (0, 2)}, {"left": (2, 3), "right": (2, 3)}]
    together += [{"left": (3, 5), "right": (3, 5)}]
    assert [{name: part for name, *part in batch} for batch in device.batches[1:]] == [
        {name: list(part) for name, part in batch.items()} for batch in together
    ]


def test_a_batch_of_a_shape_has_the_size_that_is_asked_for_it():
    device = Device()
    with queue_of(device, lambda shape: 2 if shape == (64, 64) else 3, patience_s=0.0) as queue:
        queue.run("one", [((64, 64), 5), ((32, 32), 4)], [9])
        assert [device.sizes(k)["one"] for k in range(5)] == [2, 2, 1, 3, 1]
        assert queue.fill == 9 / 12


def test_a_shape_whose_tiles_are_all_there_does_not_wait_for_those_of_another():
    device, more = Device(), threading.Event()

    def arrivals():
        yield 2
        more.wait()
        yield 1

    with queue_of(device, 4, patience_s=NEVER_S) as queue:
        thread, _ = in_thread(queue.run, "two shapes", [((64, 64), 2), ((32, 64), 1)], arrivals())
        device.begun.acquire()
        assert device.sizes(0) == {"two shapes": 2}
        more.set()
        thread.join()
    assert device.sizes(1) == {"two shapes": 1}


def test_a_call_without_tiles_returns():
    with queue_of(Device(), 4, patience_s=NEVER_S) as queue:
        queue.run("empty", *square())
        queue.run("none yet", *square(0, 0))


def test_closing_fails_those_who_wait_and_all_who_come_later_and_ends_the_threads():
    device = Device(held=True)
    queue = TileQueue(device.compute, 1, lanes=2)
    threads_before = [enter(queue, name, 3) for name in "ab"]
    device.begun.acquire()
    device.begun.acquire()
    closing, _ = in_thread(queue.close)
    wait_until(lambda: queue._is_closed)
    device.open.set()
    closing.join()
    for thread, raised in threads_before:
        thread.join()
        assert [str(error) for error in raised] == ["the predictor was closed"]
    assert not any(thread.is_alive() for thread in queue._threads)
    assert len(device.batches) == 2
    with pytest.raises(RuntimeError, match="was closed"):
        queue.run("late", *square(1))


def test_the_first_thread_makes_ready_before_it_computes():
    order = []

    def compute(parts):
        order.append("compute")
        return [None for _ in parts]

    queue = TileQueue(compute, 1, prepare=lambda: order.append("prepare"))
    assert order == []
    queue.run("one", *square(1))
    queue.close()
    assert order == ["prepare", "compute"]


@pytest.mark.parametrize(("batch_tiles", "lanes"), [(0, 1), (1, 0)])
def test_sizes_that_are_none_are_refused(batch_tiles, lanes):
    with pytest.raises(ValueError, match="at least 1"):
        TileQueue(lambda _: [], batch_tiles, lanes=lanes)


def test_how_long_the_device_computed_is_told_of_the_time_from_the_first_batch_to_the_last(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    device = Device(held=True)
    with queue_of(device, 16, lanes=2, abreast=2, patience_s=NEVER_S) as queue:
        assert queue.use() == (0.0, 0.0)
        first, _ = enter(queue, "first", 16)
        device.begun.acquire()
        now[0] += 3.0
        device.open.set()
        first.join()
        now[0] += 10.0  # nothing to do
        queue.run("second", *square(16))
    assert queue.use() == (3.0, 26.0), "one of two computed 3 s; 13 s of both"
