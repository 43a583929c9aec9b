"""Room on a device: callers wait until what they bring fits beside what others have there."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """So many bytes, for callers in the order in which they came; without a limit everything fits.

    What is larger than all of it goes in once nobody else is there.
    """

    def __init__(self, total_bytes: int | None = None) -> None:
        self._total, self._taken = total_bytes, 0
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size_bytes: int) -> Iterator[None]:
        """Hold so many bytes for a while."""
        if self._total is None:
            yield
            return
        self._enter(size_bytes, self._total)
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size_bytes
                self._changed.notify_all()

    def _enter(self, size_bytes: int, total_bytes: int) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._changed.wait_for(
                    lambda: (
                        self._queue[0] is ticket
                        and (not self._taken or self._taken + size_bytes <= total_bytes)
                    )
                )
                self._taken += size_bytes
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
