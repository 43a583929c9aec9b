"""Costs: what work took besides its seconds: retries, calls of storage, the device, memory; told in parts."""

from __future__ import annotations

import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

from sgddiff_batch.core.retrying import RetryCost


@dataclass(frozen=True, slots=True)
class Costs:
    """What work took. All are sums but ``worker_memory_bytes``, the most that one process has taken.

    retries and retry_wait_s: calls that were made again, and seconds waited for that, all threads together.
    storage_calls, storage_writes: of the output and of small scenes; what GDAL asks for by itself is not
    told. device_busy_s of device_there_s: seconds of all devices in which they computed, of those from their
    first batch to their last.
    """

    retries: int = 0
    retry_wait_s: float = 0.0
    storage_calls: int = 0
    storage_writes: int = 0
    device_busy_s: float = 0.0
    device_there_s: float = 0.0
    worker_memory_bytes: int = 0

    def plus(self, other: Costs) -> Costs:
        """Return what both took."""
        both = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        both["worker_memory_bytes"] = max(self.worker_memory_bytes, other.worker_memory_bytes)
        return Costs(**both)


NOTHING = Costs()
"""What nothing took."""


@dataclass(slots=True)
class CostSum:
    """What the work of a run took so far, as its workers told."""

    total: Costs = NOTHING

    def add(self, costs: Costs) -> None:
        """Add what a worker told."""
        self.total = self.total.plus(costs)


@runtime_checkable
class UsedDevice(Protocol):
    """A predictor that knows how long its devices computed."""

    def use(self) -> tuple[float, float]:
        """Return the seconds in which they computed, and those from their first batch to their last."""


class CostMeter:
    """Tells what a worker's process took since it was last asked; may be asked from several threads.

    retry_cost: what retrying has cost so far. take_calls: calls and writes of storage since it was last
    called.
    """

    def __init__(
        self,
        retry_cost: Callable[[], RetryCost],
        predictor: object,
        take_calls: Callable[[], tuple[int, int]],
    ) -> None:
        self._retry_cost, self._take_calls = retry_cost, take_calls
        self._use = predictor.use if isinstance(predictor, UsedDevice) else lambda: (0.0, 0.0)
        self._told, self._used, self._lock = RetryCost(), (0.0, 0.0), threading.Lock()

    def take(self) -> Costs:
        """Return what was not told yet; takes a few microseconds."""
        with self._lock:
            cost, use, calls = self._retry_cost(), self._use(), self._take_calls()
            told, used = self._told, self._used
            self._told, self._used = cost, use
        return Costs(
            cost.retries - told.retries,
            cost.pause_s - told.pause_s,
            *calls,
            use[0] - used[0],
            use[1] - used[1],
            peak_memory_bytes(),
        )


def peak_memory_bytes() -> int:
    """Return the most memory that this process has taken so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
