"""Room on a device: what fits goes in, in order; what never fits goes in alone."""

from __future__ import annotations

import contextlib
import threading

from models.room import Room


def enter(room, size, inside, leave):
    def stay():
        with room.taken(size):
            inside.append(size)
            leave.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    return thread


def wait_until(condition):
    while not condition():
        pass


def test_without_a_limit_everything_fits():
    room = Room()
    with room.taken(1 << 60), room.taken(1 << 60):
        pass


def test_what_does_not_fit_beside_others_waits_and_holds_up_what_came_later():
    room, inside = Room(10), []
    leave = [threading.Event() for _ in range(3)]
    threads = [enter(room, 7, inside, leave[0])]
    wait_until(lambda: inside == [7])
    threads.append(enter(room, 5, inside, leave[1]))
    wait_until(lambda: len(room._queue) == 1)
    threads.append(enter(room, 1, inside, leave[2]))
    wait_until(lambda: len(room._queue) == 2)
    assert inside == [7]
    leave[0].set()
    wait_until(lambda: inside == [7, 5, 1])
    leave[1].set()
    leave[2].set()
    for thread in threads:
        thread.join()


def test_what_is_larger_than_all_of_it_goes_in_alone_and_errors_give_it_back():
    room = Room(10)
    with contextlib.suppress(KeyError), room.taken(11):
        assert room._taken == 11
        raise KeyError
    with room.taken(10):
        assert room._taken == 10
