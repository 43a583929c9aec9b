"""The Ray engine: a pool of actors, each with one call under way that brings work and fetches outcomes.

Descriptors go in and outcomes come out, in batches; pixels stay in the actors. Plain actors and no data set:
a list that is fixed at the start could not take back the tasks of a scene that is too large for one worker.

Ray starts an actor that died again, on this machine or on another one; what it had in hand is handed out
again by the rules of :mod:`sgddiff_batch.engine.deaths`. Work has tickets: an answer to one that is not out
any more, from an actor that was cut off and came back, is not heard.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sgddiff_batch.engine.deaths import MAX_STARTS, DeathBook
from sgddiff_batch.engine.ray_cluster import count_workers, free_room, joins_cluster, restarts_of
from sgddiff_batch.engine.ray_worker import ActorState, Answer, Hello, RayWorker
from sgddiff_batch.engine.work import AnyWork, Take, WorkerSource
from sgddiff_batch.errors import FatalError

if TYPE_CHECKING:
    from ray import ObjectRef

WORK_TIMEOUT_S = 6 * 3600.0
"""A piece of work that takes longer is taken for stuck."""

_WAIT_S = 10.0
"""So long a call waits for an outcome; then it is made again."""
_AGAIN_S = 0.5
"""So long after it could not be reached a worker is called again: one that starts anew refuses calls."""
_GROW_S = 30.0
"""How often it is looked whether a cluster has room for more workers."""
_AHEAD = 2
"""So many pieces of work more than it has threads are with a worker, lest one waits for the driver."""

log = logging.getLogger(__name__)


@contextmanager
def ray_pool(
    make_worker: WorkerSource,
    *,
    workers: int | None = None,
    gpus_per_worker: float = 0.0,
    worker_bytes: int = 0,
    threads: int = 3,
    work_timeout_s: float = WORK_TIMEOUT_S,
) -> Iterator[RayPool]:
    """Start the workers of the connected Ray cluster, and yield them; at the end they are ended.

    Those start at once that the cluster has room for now, others with the first work: a cluster that grows
    must not do so for a night without any. ``make_worker`` is called in every actor, once; it is pickled, and
    so is what it refers to. ``workers`` None is as many as fit, and more while a cluster grows.
    ``worker_bytes`` is what an actor reserves of its machine's memory (0: nothing), ``threads`` how much work
    it does at once. Work without an end within ``work_timeout_s`` is lost and its process replaced; so is,
    after some starts, what processes die of.
    """
    options: dict[str, Any] = {
        "num_cpus": 0 if gpus_per_worker else 1,
        "num_gpus": gpus_per_worker or None,
        "memory": worker_bytes or None,
        # Two threads of a process move the last bit, and many more than there are CPUs cost 30 times.
        "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}},
        "max_restarts": -1,
        "max_task_retries": 0,
        "max_concurrency": 2,
    }
    pool = RayPool(make_worker, options, threads, work_timeout_s, workers)
    try:
        pool.start(free_room(gpus_per_worker, worker_bytes))
        yield pool
    finally:
        pool.stop()


def _with_care(work: Any) -> AnyWork:  # noqa: ANN401 - a dataclass, whatever its kind
    careful: AnyWork = replace(work, with_care=True)
    return careful


class RayPool:
    """The actors, what they hold, and what is handed out ``again``: before all other work.

    wanted: how many actors; None is as many as fit.
    """

    def __init__(
        self,
        make_worker: WorkerSource,
        options: dict[str, Any],
        threads: int,
        timeout_s: float,
        wanted: int | None = None,
    ) -> None:
        import ray

        self._ray, self._threads, self._wanted, self._options = ray, threads, wanted, options
        self._take: Take = lambda: None
        self._class: Any = ray.remote(**options)(RayWorker)
        self._arguments = make_worker, threads, timeout_s
        self._actors: list[ActorState] = []
        self._deaths, self._tickets, self._looked_s = DeathBook(), itertools.count(), time.monotonic()
        self._emptied: ActorState | None = None
        self.again: deque[AnyWork] = deque()

    def start(self, count: int) -> None:
        """Start so many more actors, no more than are wanted."""
        for _ in range(count if self._wanted is None else min(count, self._wanted - len(self._actors))):
            actor = ActorState(self._class.remote(*self._arguments))
            actor.call = actor.handle.hello.remote()
            self._actors.append(actor)

    def stop(self) -> None:
        """End all actors, whatever they do."""
        for actor in self._actors:
            self._ray.kill(actor.handle)

    def outcomes(self, take: Take) -> Iterator[Any]:
        """Take work and yield outcomes until there is no work and nobody holds any.

        Raises:
            FatalError: where going on would damage data, or a worker process cannot even start.
            ConfigError: if no worker fits this machine. What ``make_worker`` raises is raised here, too.
        """
        if (first := take()) is None:
            return
        self.again.append(first)
        self._take, may_grow = take, self._wanted is None and joins_cluster()
        room = count_workers(self._options["num_gpus"] or 0.0, self._options["memory"] or 0)
        self.start((self._wanted or room) - len(self._actors))
        while True:
            for actor in self._actors:
                self._feed(actor)
            if all(actor.is_idle for actor in self._actors) and not self.again:
                work = self._take()
                if work is None:
                    return
                self.again.append(work)
            calls = {actor.call: actor for actor in self._actors if actor.call is not None}
            wait_s = _WAIT_S if len(calls) == len(self._actors) else _AGAIN_S
            if not calls:
                time.sleep(wait_s)
            else:
                ready, _ = self._ray.wait(list(calls), num_returns=1, timeout=wait_s)
                for call in ready:
                    yield from self._answered(calls[call], call)
            if may_grow:
                self._grow()

    def _feed(self, actor: ActorState) -> None:
        """Bring an actor as much work as it has room for, if no call is under way."""
        if actor.again_s is not None and time.monotonic() >= actor.again_s:
            actor.again_s = None
            actor.call = actor.handle.hello.remote()
        if actor.call is not None or actor.again_s is not None or not actor.is_ready:
            return
        while not (actor.is_alone or actor.is_stuck) and len(actor.held) < self._threads + _AHEAD:
            work = self._next_for(actor)
            if work is None:
                break
            ticket = next(self._tickets)
            actor.held[ticket] = work
            actor.sent.append((ticket, work))
        if actor.held:
            self._exchange(actor)

    def _exchange(self, actor: ActorState) -> None:
        actor.call = actor.handle.exchange.remote(actor.sent, actor.heard, _WAIT_S)

    def _next_for(self, actor: ActorState) -> AnyWork | None:
        """Return the next piece of work for an actor. A suspect needs one that holds nothing else: where all
        have work, one of them is given no more until it has ended what it holds.
        """
        suspect = next((work for work in self.again if self._deaths.is_suspect(work)), None)
        if suspect is not None and not actor.held:
            self.again.remove(suspect)
            actor.is_alone, self._emptied = True, None
            return _with_care(suspect)
        if suspect is not None and self._emptied in (None, actor):
            self._emptied = actor
            return None
        other = next((work for work in self.again if not self._deaths.is_suspect(work)), None)
        if other is not None:
            self.again.remove(other)
        return other or self._take()

    def _answered(self, actor: ActorState, call: ObjectRef[Any]) -> Iterator[Any]:
        actor.call = None
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(call)
        except errors.ActorUnavailableError:
            self._check_start(actor)
            actor.again_s = time.monotonic() + _AGAIN_S
            return
        except errors.RayActorError as error:
            log.debug("%s", error)
            self._check_start(actor)
            self._await(actor)
            return
        except errors.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else FatalError(str(error)) from None
        if isinstance(answer, Hello):
            yield from self._greeted(actor, answer)
        elif isinstance(answer, Answer):
            yield from self._told(actor, answer)
        else:
            actor.is_ready, actor.restarts = True, restarts_of(actor.handle) + 1

    def _told(self, actor: ActorState, answer: Answer) -> Iterator[Any]:
        actor.sent, actor.heard = [], []
        for ticket, outcome in answer.outcomes:
            actor.heard.append(ticket)
            work = actor.held.pop(ticket, None)
            if work is not None:
                self._deaths.ended(work)
                yield outcome
        actor.is_stuck |= answer.is_stuck
        if not actor.held:
            actor.is_alone = False
            if actor.is_stuck:
                self._replace(actor)

    def _greeted(self, actor: ActorState, hello: Hello) -> Iterator[Any]:
        if hello.process == actor.process and actor.is_ready:
            self._exchange(actor)
            return
        actor.call = actor.handle.make.remote()
        if hello.process == actor.process:
            return
        if actor.process:  # it has died, and all that was heard is that it could not be reached
            self._orphan(actor)
        self._deaths.died(actor.orphans, hello.left, actor.node)
        actor.node, actor.process = hello.node, hello.process
        nodes: Any = self._ray.nodes
        living = {node["NodeID"] for node in nodes() if node["Alive"]}
        orphans, actor.orphans = actor.orphans, []
        for work in orphans:
            lost = self._deaths.judged(work, living)
            if lost is None:
                self.again.append(work)
            else:
                yield lost

    def _check_start(self, actor: ActorState) -> None:
        """Give up where processes die again and again before they can work: none of them may ever answer.

        Raises:
            FatalError: if Ray has started it so often since one was ready.
        """
        deaths = restarts_of(actor.handle) - actor.restarts
        if deaths >= MAX_STARTS:
            raise FatalError(
                f"a worker process died {deaths} times while it started: out of memory, or a broken library; "
                "its log is in the session folder of Ray"
            )

    def _replace(self, actor: ActorState) -> None:
        """End a process of which a thread hangs in a library; Ray starts another one."""
        self._ray.kill(actor.handle, no_restart=False)
        self._await(actor)

    def _await(self, actor: ActorState) -> None:
        """Wait for the process that takes the place of one that ended."""
        self._orphan(actor)
        actor.call = actor.handle.hello.remote()

    def _orphan(self, actor: ActorState) -> None:
        """Keep a dead actor's work until its successor tells what it was doing."""
        log.warning("a worker process ended with %d scenes or tasks in hand", len(actor.held))
        actor.process = ""
        if self._emptied is actor:
            self._emptied = None
        actor.orphans += actor.held.values()
        actor.held, actor.sent, actor.heard = {}, [], []
        actor.is_ready, actor.is_alone, actor.is_stuck = False, False, False

    def _grow(self) -> None:
        """Ask for one more actor where all have work: a cluster that can grow does so for one that waits."""
        now = time.monotonic()
        if now - self._looked_s < _GROW_S:
            return
        self._looked_s = now
        if all(actor.is_ready and actor.held for actor in self._actors):
            self.start(1)
