"""Calls that may never end: in a thread of their own, which nobody has to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def started(call: Callable[[], T]) -> Future[T]:
    """Call in a thread that ends with the process, whatever it does; return what will be its result."""
    future: Future[T] = Future()
    threading.Thread(target=_fulfil, args=(future, call), name="watched", daemon=True).start()
    return future


def _fulfil(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
