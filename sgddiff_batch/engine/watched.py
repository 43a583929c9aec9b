"""Calls that may never end: in threads which nobody has to wait for, and which are kept for the next calls.

A new thread for each call would cost several milliseconds of CPU: GDAL, PROJ and clients of storage make
their own things for every thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

_MOST_IDLE = 64
_Calls = queue.SimpleQueue[tuple["Future[Any]", Callable[[], Any]]]

_idle: list[_Calls] = []
"""Of each thread that has nothing to do, where it waits for its next call; the last one is taken first."""


def started(call: Callable[[], T]) -> Future[T]:
    """Call in a thread that ends with the process, whatever it does; return what will be its result.

    A call that never ends keeps its thread.
    """
    future: Future[T] = Future()
    try:
        calls = _idle.pop()
    except IndexError:
        calls = queue.SimpleQueue()
        threading.Thread(target=_work, args=(calls,), name="watched", daemon=True).start()
    calls.put((future, call))
    return future


def _work(calls: _Calls) -> None:
    while True:
        future, call = calls.get()
        answer = _answer(future, call)
        del future, call
        # First: who waits for the answer may start the next call at once.
        is_kept = len(_idle) < _MOST_IDLE
        if is_kept:
            _idle.append(calls)
        answer()
        del answer
        if not is_kept:
            return


def _answer(future: Future[T], call: Callable[[], T]) -> Callable[[], None]:
    """Call, and return what tells the result."""
    try:
        result = call()
    except BaseException as error:
        return partial(future.set_exception, error)
    return partial(future.set_result, result)
