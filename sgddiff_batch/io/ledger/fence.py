"""Fences: a process that lost its run's lease finds out before it writes.

The driver's fence is the lease itself (:class:`sgddiff_batch.io.ledger.lease.Lease`); processes of workers
look at the object through a :class:`LeaseWatch`. A store that is :func:`fenced` asks before each change.

What no fence can stop is a request that was on its way when its process was stopped. One that writes is
harmless: blocks of one layout have the same bytes whoever writes them, and a record of the ledger that is too
old makes the next run look again and find the finished mosaic. One that removes takes one object, or at most
:data:`sgddiff_batch.io.storage.backend.PART` of a tree, from a store that was given up; should the next run
have made that store anew meanwhile, verification tells of what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sgddiff_batch.core.leasing import LeaseState, parse_lease
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledger.marks import LEDGER
from sgddiff_batch.io.storage import Store, Versioned

LEASE = f"{LEDGER}/lease~.json"


class Fence(Protocol):
    """Says whether this process may still write."""

    def check(self) -> None:
        """Return if it may.

        Raises:
            FatalError: if the lease was lost.
            RetryableError: if the store did not say.
        """


def boot_clock_s() -> float:
    """Return seconds that only grow, and that go on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def fenced(store: Store, fence: Fence | None) -> Store:
    """Return a store that asks a fence before each change; without one, the store itself."""
    return store if fence is None else store.guarded(fence.check)


@dataclass
class LeaseWatch:
    """The fence of a process that does not hold the lease: looks at it, at most every ``every_s``."""

    store: Store
    token: str
    every_s: float
    clock: Callable[[], float] = boot_clock_s
    _looked_s: float = field(default=-float("inf"), init=False)

    def check(self) -> None:
        """Return if the lease is still that of this worker's run.

        Raises:
            FatalError: if it is not.
            RetryableError: if it cannot be read.
        """
        now = self.clock()
        if now - self._looked_s < self.every_s:
            return
        found = read_lease(self.store)
        state = None if found is None else parsed_lease(self.store, found.data)
        if state is None or state.token != self.token or state.released:
            raise FatalError(f"the lease on {self.store.uri} was lost: the run of this worker has ended")
        self._looked_s = now

    def __getstate__(self) -> dict[str, object]:
        # Another process, perhaps of another machine, has another clock.
        return {**self.__dict__, "_looked_s": -float("inf")}


def read_lease(store: Store) -> Versioned | None:
    """Return the lease object of an output, None if there never was one."""
    try:
        return store.read_versioned(LEASE)
    except FileNotFoundError:
        return None


def beat_s(store: Store) -> float | None:
    """Return when the lease object was written last, in seconds since 1970 by the clock of its store."""
    facts = store.stat(LEASE)
    return None if facts is None else facts.modified_s


def parsed_lease(store: Store, data: bytes) -> LeaseState:
    """Return what a lease object says.

    Raises:
        FatalError: if it is damaged.
    """
    try:
        return parse_lease(data)
    except ValueError as error:
        raise FatalError(
            f"the lease {LEASE} in {store.uri} is damaged ({error}); make sure that no run is at work there, "
            "delete it, and run again"
        ) from None
