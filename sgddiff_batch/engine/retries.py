"""Retries: makes calls again within one budget; and a watchdog for calls that may never end."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sgddiff_batch.core.retrying import RetryBudget, RetryCost, retrying
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.engine.watched import started
from sgddiff_batch.errors import RetryableError, StuckError

T = TypeVar("T")
log = logging.getLogger(__name__)

STUCK_AFTER_S = 1800.0
"""A task's read, or the storing of its blocks, with all its retries, that takes longer is taken for stuck."""

_MOST_STUCK = 16
"""So many calls may hang in one process: each keeps its thread and its memory until the process ends."""


class Retries:
    """Makes calls again within ``budget``; may be used from several threads, and counts over all of them.

    ``draw`` is the source of jitter, numbers of 0 to 1; both it and ``sleep`` are there for tests.
    """

    def __init__(
        self,
        budget: RetryBudget | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] | None = None,
        stuck_after_s: float = STUCK_AFTER_S,
    ) -> None:
        self._budget, self._sleep = budget or RetryBudget(), sleep
        self._draw = draw or random.Random().random
        self._stuck_after_s, self._stuck = stuck_after_s, 0
        self._lock = threading.Lock()
        self._run, self._scenes = RetryCost(), dict[str, RetryCost]()

    @property
    def cost(self) -> RetryCost:
        """What retrying has cost so far, over all scenes."""
        return self._run

    def call(self, scene: str, call: Callable[[], T]) -> T:
        """Call, and call again while it raises RetryableError and the budget lasts; the last error passes."""
        return retrying(call, lambda failures: self._pause_s(scene, failures), self._sleep, _tell)

    def call_in_time(self, scene: str, doing: str, call: Callable[[], T]) -> T:
        """As :meth:`call`, in a thread that is left behind if it hangs. doing: "reading it".

        Nothing ends a thread that hangs in a library. It dies with its process, and what it leaves behind, a
        mark of reading for one, tells the next run.

        Raises:
            StuckError: if it did not end in time, or too many calls before it did not.
        """
        if self._stuck >= _MOST_STUCK:
            raise StuckError(f"{doing} was not tried: {self._stuck} calls of this process hang already")
        future = started(lambda: self.call(scene, call))
        try:
            return future.result(self._stuck_after_s)
        except TimeoutError:
            if future.done():
                raise
            with self._lock:
                self._stuck += 1
            raise StuckError(f"{doing} did not end within {self._stuck_after_s:g} s") from None

    def _pause_s(self, scene: str, failures: int) -> float | None:
        with self._lock:
            cost = self._scenes.get(scene, RetryCost())
            pause_s = self._budget.pause_s(failures, self._draw(), cost, self._run)
            if pause_s is not None:
                self._scenes[scene], self._run = cost.plus(pause_s), self._run.plus(pause_s)
        return pause_s


def no_retries() -> Retries:
    """Return what makes every call once."""
    return Retries(RetryBudget(attempts=1))


def _tell(pause_s: float, error: RetryableError) -> None:
    log.warning("trying again in %.1f s: %s", pause_s, one_line(error))


def one_line(error: BaseException) -> str:
    """Return an error's kind and words on one line."""
    return f"{type(error).__name__}: {on_one_line(error)}"
