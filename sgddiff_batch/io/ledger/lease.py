"""The lease of an output: one run at a time writes there, and one that lost it finds out before it writes.

``_ledger/lease~.json`` is made once and then only replaced, under conditions; a run that ends leaves it
marked as released. The driver holds it as a :class:`Lease`, which a thread renews.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sgddiff_batch.core import leasing
from sgddiff_batch.core.leasing import LeaseState, Watch
from sgddiff_batch.core.progress import Progress
from sgddiff_batch.errors import FatalError, LeaseHeldError, RetryableError, SgddiffBatchError
from sgddiff_batch.io.ledger import processes
from sgddiff_batch.io.ledger.fence import LEASE, LeaseWatch, boot_clock_s, parsed_lease, read_lease
from sgddiff_batch.io.storage import Store, Versioned

log = logging.getLogger(__name__)

_MOST_POLL_S = 2.0
_ALONE = "alone"
"""Of an owner: 1 if no process but its own writes for it."""
_NOBODYS_ETAG = '"00000000000000000000000000000000"'


class Lease:
    """One run's lease on an output. As a context it is taken, renewed by a thread, and released.

    ``seconds`` is how long it outlives its last renewal. ``alone``: nothing writes for it but this process;
    else workers may outlive it for a while. ``patience_s``: so long it is waited for while another holds it.
    ``clock`` counts seconds and is compared with itself only; ``sleep`` waits.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        seconds: float,
        *,
        alone: bool = False,
        patience_s: float = 0.0,
        clock: Callable[[], float] = boot_clock_s,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._clock, self._sleep = store, clock, sleep
        self._patience_s, self._made_s = patience_s, clock()
        now = _now()
        self._state = LeaseState(run_id, uuid.uuid4().hex, _this_owner(alone), now, seconds, beat_at=now)
        self._progress: Callable[[], Progress | None] = lambda: None
        self._version = ""
        self._renewed_s = -float("inf")
        self._lost: str | None = None
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    @property
    def run_id(self) -> str:
        """The run that holds it."""
        return self._state.run_id

    def tell(self, progress: Callable[[], Progress]) -> None:
        """Have each heartbeat from now on carry how far the run is; the thread that renews asks."""
        self._progress = progress

    def __enter__(self) -> Self:
        try:
            self.acquire()
        except BaseException:
            self.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lease, at once if it is free or its process is known to be dead, and begin to renew it.

        After one that was not released, it waits until the workers that may be left have found out.

        A lease whose process is not known is watched until its heart beats or its length has passed.

        Raises:
            LeaseHeldError: if another run holds it and lives.
            FatalError: if the object is damaged, or the patience was not enough.
            ConfigError, RetryableError: as the store does.
        """
        watch: Watch | None = None
        while True:
            found = read_lease(self._store)
            state = None if found is None else parsed_lease(self._store, found.data)
            if state is None or self._may_take(state, watch):
                if self._take(found):
                    break
                continue
            if watch is None:
                watch = Watch(state.write_id, self._clock())
                log.info("%s; waiting for a sign of life", _describe(self._store, state))
            elif watch.has_changed(state):
                self._bear(_held(self._store, state, self._clock() - watch.since_s))
                watch = Watch(state.write_id, self._clock())
            self._sleep(min(_MOST_POLL_S, leasing.renewal_s(state.seconds) / 2))
        self._probe()
        self._thread.start()
        if state is not None and not state.released:
            self._succeed(state)

    def _bear(self, held: str) -> None:
        if not self._patience_s:
            raise LeaseHeldError(held)
        if (waited_s := self._clock() - self._made_s) >= self._patience_s:
            raise FatalError(f"this run cannot go on, it waited {waited_s:.0f} s for its output: {held}")
        log.warning("waiting for up to %.0f s more to go on: %s", self._patience_s - waited_s, held)

    def _may_take(self, state: LeaseState, watch: Watch | None) -> bool:
        silent = watch is not None and watch.is_silent(state, self._clock())
        return state.released or silent or is_dead(state)

    def _succeed(self, lost: LeaseState) -> None:
        """Say whose lease was taken over, and wait until workers that it left have found out.

        A dead driver's workers live on, also on its own machine, until they look at the lease again.
        """
        log.warning("the lease was taken over from a run that is gone: %s", _describe(self._store, lost))
        if not (is_dead(lost) and lost.owner.get(_ALONE) == 1):
            self._sleep(leasing.look_s(lost.seconds))

    def check(self) -> None:
        """Return if this run may write now; renew the lease first where that is due.

        Raises:
            FatalError: if another run has the lease, or somebody removed it.
            RetryableError: if it cannot be renewed.
        """
        if self._lost is None and self._is_trusted():
            return  # without the lock: a renewal that hangs must hold nobody up until it is needed
        with self._lock:
            if self._lost is None and not self._is_trusted():
                self._renew()
            if self._lost is not None:
                raise FatalError(f"the lease was lost: {self._lost}; run again when no other run is at work")
            if not self._is_trusted():
                raise RetryableError(f"the lease could not be renewed for {self._age_s():.0f} s")

    def release(self) -> None:
        """End the renewals and mark the lease as free; a lease that was lost is left alone."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            try:
                if self._lost is None and self._version:
                    self._renew(released=True)
            except (SgddiffBatchError, OSError) as error:
                log.warning(
                    "the lease could not be released, it ends by itself in %g s: %s",
                    self._state.seconds,
                    error,
                )
            if self._lost is None:
                # A thread that outlives the run must not take it back by asking whether it may write.
                self._lost = "this run has ended and released it"

    def watch(self) -> LeaseWatch:
        """Return the fence for workers in other processes; it can be pickled."""
        return LeaseWatch(self._store, self._state.token, leasing.look_s(self._state.seconds))

    def _take(self, found: Versioned | None) -> bool:
        start, data = self._clock(), self._state.encode()
        if found is None:
            version = self._store.create(LEASE, data)
        else:
            version = self._store.replace(LEASE, data, found.version)
        if version is not None:
            self._version, self._renewed_s = version, start
        return version is not None

    def _probe(self) -> None:
        """Warn of a store that ignores conditions, as some that speak S3 do; it costs others one call."""
        if not self._store.over_network:
            return
        start, state = self._clock(), self._state.next_beat(_now())
        version = self._store.replace(LEASE, state.encode(), _NOBODYS_ETAG)
        if version is not None:
            log.warning(
                "%s ignores If-Match: of two runs that start at once, both may go on", self._store.uri
            )
            self._state, self._version, self._renewed_s = state, version, start

    def _keep(self) -> None:
        while not self._ended.wait(leasing.renewal_s(self._state.seconds)):
            with self._lock:
                try:
                    self._renew()
                except Exception as error:
                    log.warning("the lease could not be renewed for %.0f s: %s", self._age_s(), error)
                if self._lost is not None:
                    log.error("the lease was lost: %s", self._lost)
                    return

    def _renew(self, *, released: bool = False) -> None:
        """Write the next heartbeat; remember if the lease is another's."""
        start = self._clock()
        state = self._state.next_beat(_now(), released=released, progress=self._progress())
        try:
            version = self._store.replace(LEASE, state.encode(), self._version)
            if version is None:
                version = self._replace_own(state)
        except FatalError as error:
            self._lost = str(error)
            return
        except (SgddiffBatchError, OSError) as error:
            raise RetryableError(
                f"the lease could not be renewed for {self._age_s():.0f} s: {error}"
            ) from error
        if version is not None:
            self._state, self._version, self._renewed_s = state, version, start

    def _replace_own(self, state: LeaseState) -> str | None:
        """Replace what an earlier write of ours left whose reply was lost, later than anybody waited."""
        found = read_lease(self._store)
        if found is None:
            self._lost = f"somebody removed {LEASE} from {self._store.uri}"
            return None
        holder = parsed_lease(self._store, found.data)
        if holder.token == self._state.token:
            return self._store.replace(LEASE, state.encode(), found.version)
        self._lost = f"it is {holder.run_id}'s now, of {_owner(holder)}"
        return None

    def _is_trusted(self) -> bool:
        return self._age_s() < leasing.trusted_s(self._state.seconds)

    def _age_s(self) -> float:
        return self._clock() - self._renewed_s


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _this_owner(alone: bool) -> dict[str, str | int]:
    return {**processes.this_process(), "machine": _machine(), "user": _user(), _ALONE: int(alone)}


def _machine() -> str:
    """Return what two machines never share, nor two containers of one: the boot and the space of pids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path, but a name
    except OSError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid())


def is_dead(state: LeaseState) -> bool:
    """Whether the holder was a process of this machine that has ended; else it is not known."""
    machine = _machine()
    if not machine or state.owner.get("machine") != machine:
        return False
    return not processes.is_alive(json.dumps(dict(state.owner)).encode())


def _owner(state: LeaseState) -> str:
    owner = state.owner
    return f"{owner.get('user', '?')} on {owner.get('host', '?')}, process {owner.get('pid', '?')}"


def _describe(store: Store, state: LeaseState) -> str:
    return (
        f"{store.uri} is leased to run {state.run_id} of {_owner(state)}, since {state.started_at} by its "
        f"clock, heartbeat {state.beat}"
    )


def _held(store: Store, state: LeaseState, watched_s: float) -> str:
    return (
        f"another run is at work: {_describe(store, state)}, less than {watched_s:.1f} s ago; wait for it to "
        "end, or end it, and run again"
    )
