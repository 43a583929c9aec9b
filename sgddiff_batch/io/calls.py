"""Calls: how many calls of stores this process has made; on a bucket each is a request, or a few."""

from __future__ import annotations

import threading


class Calls:
    """Counts; from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all = self._writes = 0

    def count(self, calls: int = 1, *, writes: int = 0) -> None:
        """Count calls; ``writes``: so many of them change something."""
        with self._lock:
            self._all += calls
            self._writes += writes

    def take(self) -> tuple[int, int]:
        """Return all calls and the writes among them since this was last asked: each is told to one alone."""
        with self._lock:
            taken = self._all, self._writes
            self._all = self._writes = 0
        return taken


CALLS = Calls()
"""Those of this process: a store is a value, made anew and sent to other processes, and counts nothing."""


def take_calls() -> tuple[int, int]:
    """Return the calls of this process, and the writes among them, since this was last asked."""
    return CALLS.take()
