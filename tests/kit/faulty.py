"""A store that fails by script: which operation, on which keys, at which of their calls, and how."""

from __future__ import annotations

import fnmatch
import threading
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.ledger.fence import LEASE
from sgddiff_batch.io.storage.backend import Versioned
from sgddiff_batch.io.storage.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class StoreFault:
    """Lets operations ("write", "read delete", ... or "*") on keys of a glob fail.

    ``calls``: which of the calls that match, from 1; None: all. ``lost``: it is done, and the reply is lost.
    ``then``: it does not fail, but this happens right before it is done. ``dies``: whoever asks is as good as
    dead from then on, and every later call fails but those for its lease, which nobody could take over from
    a process that lives.
    """

    operation: str
    key: str
    calls: Container[int] | None = (1,)
    error: BaseException = field(default_factory=lambda: RetryableError("503 SlowDown"))
    lost: bool = False
    then: Callable[[], object] | None = None
    dies: bool = False


class FaultScript:
    """Faults and counters; ``calls`` counts (operation, key), ``failed`` those that failed."""

    def __init__(self, *faults: StoreFault) -> None:
        self._faults, self._lock = faults, threading.Lock()
        self._matched: Counter[int] = Counter()
        self._death: StoreFault | None = None
        self.calls: Counter[tuple[str, str]] = Counter()
        self.failed: Counter[tuple[str, str]] = Counter()

    def keys(self, operation: str, key: str) -> list[str]:
        """Return the keys of a glob on which an operation was called so far, in their first order."""
        return [k for name, k in self.calls if name == operation and fnmatch.fnmatchcase(k, key)]

    def run(self, operation: str, key: str, call: Callable[[], T]) -> T:
        """Count a call, and make it unless the script says otherwise."""
        fault = self._next(operation, key)
        if fault is None:
            return call()
        if fault.then is not None:
            fault.then()
            return call()
        if fault.lost:
            call()
        raise type(fault.error)(*fault.error.args)

    def _next(self, operation: str, key: str) -> StoreFault | None:
        with self._lock:
            self.calls[operation, key] += 1
            spared = key.endswith(LEASE)
            fault = self._death if self._death and not spared else self._matching(operation, key)
            if fault is not None and fault.then is None:
                self.failed[operation, key] += 1
                self._death = fault if fault.dies else self._death
            return fault

    def _matching(self, operation: str, key: str) -> StoreFault | None:
        for number, fault in enumerate(self._faults):
            asked = fault.operation == "*" or operation in fault.operation.split()
            if not asked or not fnmatch.fnmatchcase(key, fault.key):
                continue
            self._matched[number] += 1
            if fault.calls is None or self._matched[number] in fault.calls:
                return fault
        return None


@dataclass(frozen=True)
class FaultyStore(Store):
    """A store with a script."""

    script: FaultScript

    def write(self, key: str, data: bytes) -> None:
        self.script.run("write", key, lambda: super(FaultyStore, self).write(key, data))

    def create(self, key: str, data: bytes) -> str | None:
        return self.script.run("create", key, lambda: super(FaultyStore, self).create(key, data))

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        return self.script.run("replace", key, lambda: super(FaultyStore, self).replace(key, data, version))

    def read_versioned(self, key: str) -> Versioned:
        return self.script.run("read_versioned", key, lambda: super(FaultyStore, self).read_versioned(key))

    def read(self, key: str) -> bytes:
        return self.script.run("read", key, lambda: super(FaultyStore, self).read(key))

    def keys(self, prefix: str = "") -> list[str]:
        return self.script.run("keys", prefix, lambda: super(FaultyStore, self).keys(prefix))

    def delete(self, key: str) -> None:
        self.script.run("delete", key, lambda: super(FaultyStore, self).delete(key))

    def delete_tree(self, prefix: str) -> None:
        self.script.run("delete_tree", prefix, lambda: super(FaultyStore, self).delete_tree(prefix))

    def entries(self, prefix: str = "") -> Any:
        return self.script.run("entries", prefix, lambda: super(FaultyStore, self).entries(prefix))


def faulty(store: Store, *faults: StoreFault) -> FaultyStore:
    """Return a store that fails by script, which is its ``script``."""
    return FaultyStore(store.root, store.backend, FaultScript(*faults))
