"""Shares of a worker's memory: who needs some of it waits until there is enough, in the order of coming."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class SharedMemory:
    """So many bytes, for the tasks of a process; may be used from several threads."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._free = total_bytes
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def share(self, wanted_bytes: int) -> Iterator[None]:
        """Hold a share as long as the context lasts; who came first is served first, however much it is.

        Raises:
            ValueError: if there never is so much.
        """
        if wanted_bytes > self.total_bytes:
            raise ValueError(f"{wanted_bytes} bytes are more than the {self.total_bytes} that there are")
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._free >= wanted_bytes)
                self._free -= wanted_bytes
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted_bytes
                self._changed.notify_all()
