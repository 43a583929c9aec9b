"""Retrying: which calls are made again, after how long, and when a scene or a run has had enough of it.

Pure: pauses are made by a ``sleep`` that is passed in, and jitter is drawn from a source that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sgddiff_batch.errors import RetryableError

T = TypeVar("T")


def backoff_s(attempts: int = 4, first_s: float = 0.5, factor: float = 3.0) -> Iterator[float]:
    """Yield the pauses between ``attempts`` retries, in seconds, each ``factor`` times the last."""
    for attempt in range(attempts):
        yield first_s * factor**attempt


@dataclass(frozen=True, slots=True)
class RetryCost:
    """What retrying has cost so far: how many calls were made again, and how long was waited for them."""

    retries: int = 0
    pause_s: float = 0.0

    def plus(self, pause_s: float) -> RetryCost:
        """Return this and one more retry."""
        return RetryCost(self.retries + 1, self.pause_s + pause_s)


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How often and how long to try again: for one call, for all calls of a scene, for all of a run.

    A call is made at most ``attempts`` times. Pauses are drawn from 0 to a bound that begins at ``first_s``,
    grows by ``factor``, and ends at ``longest_s`` ("full jitter", M. Brooker, Exponential Backoff And Jitter,
    2015): workers that were turned away together do not come back together. The mean wait of a call that
    never succeeds is 20 s. When a scene's or the run's part is used up, a call that fails is not made again.

    Raises:
        ValueError: if a number is negative, or there is not even one attempt.
    """

    attempts: int = 5
    first_s: float = 1.0
    factor: float = 3.0
    longest_s: float = 30.0
    scene_retries: int = 40
    scene_pause_s: float = 300.0
    run_retries: int = 2000
    run_pause_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, got {self.attempts}")
        for name in ("first_s", "longest_s", "scene_retries", "scene_pause_s", "run_retries", "run_pause_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if not self.factor >= 1:
            raise ValueError(f"factor must be at least 1, got {self.factor}")

    def pause_s(self, failures: int, draw: float, scene: RetryCost, run: RetryCost) -> float | None:
        """Return how long to wait after a call has failed ``failures`` times, None to give it up.

        draw: a number of 0 to 1 from the source of jitter.
        """
        if failures >= self.attempts or self._is_used_up(scene, run):
            return None
        return draw * min(self.longest_s, self.first_s * self.factor ** (failures - 1))

    def _is_used_up(self, scene: RetryCost, run: RetryCost) -> bool:
        of_scene = scene.retries >= self.scene_retries or scene.pause_s >= self.scene_pause_s
        return of_scene or run.retries >= self.run_retries or run.pause_s >= self.run_pause_s


def retrying(
    call: Callable[[], T],
    pause_s: Callable[[int], float | None],
    sleep: Callable[[float], None],
    tell: Callable[[float, RetryableError], None] = lambda pause_s, error: None,
) -> T:
    """Call again while it raises RetryableError; other errors, and the last one, pass.

    ``pause_s`` is given the number of failures so far and says how long to wait, or None to give up; ``tell``
    is told of each pause before it is made.
    """
    failures = 0
    while True:
        try:
            return call()
        except RetryableError as error:
            failures += 1
            seconds = pause_s(failures)
            if seconds is None:
                raise
            tell(seconds, error)
        sleep(seconds)
