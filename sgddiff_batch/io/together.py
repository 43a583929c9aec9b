"""Several calls at the same time, one of them in the thread that waits for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, wait
from typing import TypeVar

Item = TypeVar("Item")


def together(threads: Executor, call: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Call for every item, several at a time; an error is raised after all have ended.

    The last item is this thread's own, which would only wait: a thread that is woken costs CPU.
    """
    waiting = list(items)
    if not waiting:
        return
    calls = [threads.submit(call, item) for item in waiting[:-1]]
    try:
        call(waiting[-1])
    finally:
        wait(calls)
    for done in calls:
        done.result()
