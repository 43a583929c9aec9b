"""Turns: what is done every so often is done when a test says so; no clock, no sleeping."""

from __future__ import annotations

import queue
import threading

_PATIENCE_S = 60.0


class Turns(threading.Event):
    """The event that a thread waits for between two turns; each wait ends when the test lets it.

    ``pauses``: how long it would have waited each time, in seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float | None] = []
        self._over: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._waiting = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        self._waiting.release()
        return self._over.get()

    def set(self) -> None:
        super().set()
        self._over.put(True)

    def take(self) -> None:
        """Let one turn be taken, and return when the thread waits again."""
        self._wait()
        self._over.put(False)
        self._wait()
        self._waiting.release()

    def _wait(self) -> None:
        assert self._waiting.acquire(timeout=_PATIENCE_S), "nobody waits for the next turn"
