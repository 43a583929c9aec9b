"""A worker of the Ray engine: an actor that is given work and asked for what came of it, in one call."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sgddiff_batch.engine.work import AnyWork, Lost, RunsWork, WorkerSource
from sgddiff_batch.errors import FatalError, SgddiffBatchError
from sgddiff_batch.protocols import Left

if TYPE_CHECKING:
    from ray import ObjectRef

GATHER_S = 0.02
"""So long an answer waits for more outcomes after the first: outcomes of small scenes travel together."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker process says of itself: its machine, a name that no other process has, and what the one
    before it was at work on.
    """

    node: str
    process: str
    left: Left


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of work, by its ticket. ``is_stuck``: a thread hangs for ever; replace the process."""

    outcomes: tuple[tuple[int, Any], ...]
    is_stuck: bool = False


class RayWorker:
    """The actor. Work comes with tickets and is done by threads; :meth:`exchange` brings and fetches.

    What it raises, and what its making raised, is one of our errors, which end the run.
    """

    def __init__(self, make_worker: WorkerSource, threads: int, work_timeout_s: float) -> None:
        self._make_worker, self._work_timeout_s = make_worker, work_timeout_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._changed = threading.Condition()
        self._running: dict[int, tuple[AnyWork, float]] = {}
        self._ended: dict[int, Any] = {}
        self._last_ticket, self._is_stuck = -1, False
        self._error: Exception | None = None
        self._starting, self._label = threading.Lock(), ""
        self._hello: Hello | None = None
        self._worker: RunsWork | None = None

    def hello(self) -> Hello:
        """Return who this is: the same however often it is asked; the worker is made meanwhile."""
        import ray

        with self._starting:
            if self._hello is None:
                here = ray.get_runtime_context()
                self._label = f"actor {here.get_actor_id()}"
                left = self._make_worker.take_left(self._label)
                self._hello = Hello(str(here.get_node_id()), secrets.token_hex(8), left)
                # The driver may be listing; what goes wrong is met again, and told, by its call of make.
                self._pool.submit(self.make)
            return self._hello

    def make(self) -> None:
        """Make the worker, if that has not been done; after :meth:`hello`."""
        with self._starting:
            if self._worker is None:
                try:
                    self._worker = self._make_worker(self._label)
                except Exception as error:
                    raise _portable(error) from None

    def exchange(self, works: Sequence[tuple[int, AnyWork]], heard: Sequence[int], wait_s: float) -> Answer:
        """Begin work, and return what has ended: as soon as anything has, or nothing after ``wait_s``.

        Tickets grow: work that was brought before is not begun again, so that a call that failed on its way
        can be made once more. Outcomes are told until they are in ``heard``.
        """
        with self._changed:
            for ticket in heard:
                self._ended.pop(ticket, None)
            for ticket, work in works:
                if ticket > self._last_ticket:
                    self._last_ticket = ticket
                    self._running[ticket] = work, time.monotonic()
                    self._pool.submit(self._run, ticket, work)
            deadline = time.monotonic() + wait_s
            while not (self._ended or self._error) and time.monotonic() < deadline:
                self._changed.wait(max(0.0, min(1.0, deadline - time.monotonic())))
                self._end_late()
        if self._ended and self._running:
            time.sleep(GATHER_S)
        with self._changed:
            if self._error is not None:
                raise self._error
            return Answer(tuple(self._ended.items()), self._is_stuck)

    def _run(self, ticket: int, work: AnyWork) -> None:
        outcome: Any = None
        try:
            assert self._worker is not None, "it is made first"
            outcome = self._worker.run(work)
        except BaseException as error:
            self._error = _portable(error)
        with self._changed:
            if self._running.pop(ticket, None) is not None and outcome is not None:
                self._ended[ticket] = outcome
            self._changed.notify_all()

    def _end_late(self) -> None:
        """End work that takes too long; what it still may come to is not heard any more."""
        limit, reason = (
            time.monotonic() - self._work_timeout_s,
            f"it did not end within {self._work_timeout_s:g} s",
        )
        for ticket, (work, begun) in list(self._running.items()):
            if begun < limit:
                del self._running[ticket]
                self._ended[ticket] = Lost(work, reason)
                self._is_stuck = True


@dataclass(eq=False, slots=True)
class ActorState:
    """What the driver knows of a worker: the work that it holds, by ticket, and the call that is under way.

    ``sent`` and ``heard`` are what that call brings. ``orphans`` is what it held when it died. ``process`` is
    the one that answered last, "" if it is known to have ended; ``again_s`` is when one that could not be
    reached is called again. ``restarts`` is how many starts Ray had to make anew, none of them because a
    process died while it started.
    """

    handle: Any
    call: ObjectRef[Any] | None = None
    node: str = ""
    process: str = ""
    again_s: float | None = None
    is_ready: bool = False
    is_alone: bool = False
    is_stuck: bool = False
    restarts: int = 0
    held: dict[int, AnyWork] = field(default_factory=dict)
    sent: list[tuple[int, AnyWork]] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    orphans: list[AnyWork] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be expected of it."""
        return not self.held and not self.orphans


def _portable(error: BaseException) -> Exception:
    """Return one of our errors as it is, any other as one line: it may not survive being pickled."""
    if isinstance(error, SgddiffBatchError):
        return error
    first, *_ = str(error).splitlines() or [""]
    return FatalError(f"a worker process failed with {type(error).__name__}: {first}")
