"""Drawing the next batches while the device works on this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

Drawn = TypeVar("Drawn")


class Ahead(Generic[Drawn]):
    """`draw(step)` for the steps `first..last`, in order, one or two ahead in a thread of its own.

    What a step draws is a function of its number alone, so when it is drawn does not matter.
    """

    def __init__(self, draw: Callable[[int], Drawn], first: int, last: int, depth: int = 2) -> None:
        self._draw, self._next, self._last, self._depth = draw, first, last, depth
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draw")
        self._waiting: list[Future[Drawn]] = []
        self.waited_s = 0.0

    def __enter__(self) -> Ahead[Drawn]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def take(self) -> Drawn:
        """The next step's; counts the seconds that it kept the caller waiting. Raises what drawing raised."""
        while len(self._waiting) < self._depth and self._next <= self._last:
            self._waiting.append(self._thread.submit(self._draw, self._next))
            self._next += 1
        began = time.monotonic()
        drawn = self._waiting.pop(0).result()
        self.waited_s += time.monotonic() - began
        return drawn
