"""Progress: how far a run is, as its heartbeats carry it for whoever asks, and how fast it was lately."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

WINDOW_S = 600.0
"""The rate is that of so many seconds, or of all since the work began."""

_QUARANTINED, _FAILED = "quarantined", "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many scenes a run has done, put into quarantine, failed and left to do; of an area, cells.

    ``rate`` is how many were settled a second over the last minutes.

    Raises:
        ValueError: if a number is below 0, or the rate none that is finite.
    """

    done: int
    quarantined: int
    failed: int
    left: int
    rate: float

    def __post_init__(self) -> None:
        counts = (self.done, self.quarantined, self.failed, self.left)
        if any(type(count) is not int or count < 0 for count in counts):
            raise ValueError(f"counts must be whole numbers of 0 or more, got {counts}")
        if type(self.rate) not in (int, float) or not (math.isfinite(self.rate) and self.rate >= 0):
            raise ValueError(f"the rate must be a finite number of 0 or more, got {self.rate!r}")

    @property
    def seconds_left(self) -> float | None:
        """What is left at this rate; None where nothing was settled lately, so that nobody knows."""
        if not self.left:
            return 0.0
        return self.left / self.rate if self.rate else None

    def to_json(self) -> dict[str, int | float]:
        """Return it as a heartbeat holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: object) -> Progress | None:
        """Return what a heartbeat tells, None where it tells nothing that can be understood.

        It is shown to people and decides nothing, so it is no damage; what a later version adds is not known.
        """
        if not isinstance(told, Mapping):
            return None
        try:
            return cls(*(told[name] for name in cls.__dataclass_fields__))
        except (KeyError, ValueError):
            return None


class Tally:
    """Counts what becomes of ``planned`` scenes. One thread counts, and one asks for the progress.

    ``clock`` counts seconds, and only grows.
    """

    def __init__(self, planned: int, clock: Callable[[], float]) -> None:
        self._planned, self._clock = planned, clock
        self._states: Counter[str] = Counter()
        self._settled = 0
        self._seen = deque([(clock(), 0)])

    def count(self, state: str) -> None:
        """Count a scene that was settled; whatever is neither in quarantine nor failed is done."""
        self._states[state] += 1
        self._settled += 1

    def progress(self) -> Progress:
        """Return how far it is. The rate is counted from one of the times at which this was asked before."""
        settled, failed, quarantined = self._settled, self._states[_FAILED], self._states[_QUARANTINED]
        done, left = max(0, settled - failed - quarantined), max(0, self._planned - settled)
        return Progress(done, quarantined, failed, left, self._rate(settled))

    def _rate(self, settled: int) -> float:
        now_s = self._clock()
        self._seen.append((now_s, settled))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()
        since_s, before = self._seen[0]
        return (settled - before) / (now_s - since_s) if now_s > since_s else 0.0
