"""What runs inside the processes of a Ray cluster: the worker of an actor pool, and the counts they share."""

from __future__ import annotations

import os
import pickle
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.watched import started
from sgddiff_batch.engine.worker import SKIPPED, TaskOutcome, Worker
from sgddiff_batch.errors import FatalError, SgddiffBatchError

if TYPE_CHECKING:
    from ray import ObjectRef

MAX_STARTS = 3
"""How often a task is started whose worker process dies, and a worker process that dies while it starts."""

_STUCK_EXIT_CODE = 86
_OWN_DEATHS = 2
"""So many deaths of a process that worked on nothing else are the scene's own."""

_DIED = "its worker process died {} times: a crash in a library, out of memory, or a lost machine"
_KILLS = "its worker process died {} times, {} of them with no other task in it: a crash, or out of memory"


Spoiling = Literal["quarantine", "failed"]
"""The ends of a task after which the other tasks of its scene are skipped."""


class TaskHistory(NamedTuple):
    """What the shared counts say of a task: its starts, the machines of those with no other task beside it,
    whether its scene is spoiled, whether processes die in this run of what is no scene's fault, and the
    state and reason of its own end, if that spoiled its scene.
    """

    starts: int
    alone_on: tuple[str, ...]
    is_spoiled: bool
    is_machine: bool
    end: tuple[Spoiling, str | None] | None = None


class SharedCounts:
    """What the workers of a run must know of each other, dead ones included: one actor without a CPU.

    Ray starts a dead actor and its tasks again for ever; the counts kept here are the budget that ends it.
    """

    def __init__(self) -> None:
        self._starts: Counter[int | str] = Counter()
        self._alone: dict[int | str, list[str]] = {}
        self._spoiled: set[str] = set()
        self._ends: dict[int | str, tuple[Spoiling, str | None]] = {}
        self._is_machine = False

    def history_of(self, what: int | str, path: str = "") -> TaskHistory:
        """Return what is known of a task, by its number, or of a worker, by its actor's id."""
        alone = tuple(self._alone.get(what, ()))
        spoiled, end = path in self._spoiled, self._ends.get(what)
        return TaskHistory(self._starts[what], alone, spoiled, self._is_machine, end)

    def start(self, what: int | str, alone_on: str | None = None) -> None:
        """Count a start; ``alone_on`` is the machine, where nothing else runs in the process."""
        self._starts[what] += 1
        if alone_on is not None:
            self._alone.setdefault(what, []).append(alone_on)

    def stored(self, what: int | str) -> None:
        """Note a good end. That of a task whose process died with it alone says: it was not the task."""
        self._is_machine |= len(self._alone.get(what, ())) > 1

    def forget(self, what: int | str) -> None:
        """Drop a count."""
        del self._starts[what]

    def spoil(self, what: int, path: str, state: Spoiling, reason: str | None) -> None:
        """Tell all workers to skip the other tasks of a store, and remember how this one ended.

        A process may die before its answer has left it. Ray then asks again, and gets the same answer.
        """
        self._spoiled.add(path)
        self._ends[what] = state, reason


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker of a run is given, once: the tasks are named by their place in ``tasks``."""

    make_worker: Callable[[], Worker]
    tasks: tuple[Task, ...]
    counts: Any
    in_flight: int
    task_timeout_s: float


class RayWorker:
    """A worker of the pool. Ray calls it from ``in_flight`` threads, so that stages of tasks overlap.

    A row {"number": n} in, a row {"number": n, "answer": bytes} out, where the answer is a pickled
    :class:`TaskOutcome`, or the exception that must end the run. No call raises: an exception would make Ray
    Data abort the job with an error of its own.
    """

    def __init__(self, job_ref: ObjectRef[Job]) -> None:
        import ray

        self._get = ray.get
        self._one_alone = threading.Lock()
        self._stuck = False
        try:
            self._job: Job = ray.get(job_ref)
            self._places = threading.Semaphore(self._job.in_flight)
            here = ray.get_runtime_context()
            self._node = str(here.get_node_id())
            self._worker: Worker | Exception = self._make_worker(here.get_actor_id())
        except Exception as error:
            self._worker = _portable(error)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Run the task of a row."""
        number = int(row["number"])
        try:
            answer: TaskOutcome | Exception = self._answer(number)
        except Exception as error:
            answer = _portable(error)
        return {"number": number, "answer": pickle.dumps(answer)}

    def _make_worker(self, actor_id: str | None) -> Worker:
        counts, key = self._job.counts, f"worker {actor_id}"
        starts = self._get(counts.history_of.remote(key)).starts
        if starts >= MAX_STARTS:
            raise FatalError(
                f"a worker process died {starts} times while it started: out of memory, or a broken library; "
                "its log is in the session folder of Ray"
            )
        self._get(counts.start.remote(key))
        worker = self._job.make_worker()
        self._get(counts.forget.remote(key))
        return worker

    def _answer(self, number: int) -> TaskOutcome:
        if isinstance(self._worker, Exception):
            raise self._worker
        task, counts = self._job.tasks[number], self._job.counts
        history: TaskHistory = self._get(counts.history_of.remote(number, task.mosaic.path))
        if history.end is not None:
            return TaskOutcome(task, *history.end)
        if history.is_spoiled:
            return TaskOutcome(task, "skipped", SKIPPED)
        if history.starts >= MAX_STARTS:
            return self._noted(number, judged(task, history, self._living()))
        with self._alone() if history.starts else self._places:
            if self._stuck:
                os._exit(_STUCK_EXIT_CODE)  # nothing else ends a thread that hangs in a library
            self._get(counts.start.remote(number, self._node if history.starts else None))
            if history.starts:
                self._worker.distrust(task.scene)
            outcome = self._run_in_time(self._worker, task)
            if outcome is not None:
                return self._noted(number, outcome)
            late = TaskOutcome(task, "failed", f"it did not end within {self._job.task_timeout_s:g} s")
            self._noted(number, late)
            self._stuck = True  # only now: the next task ends this process
            return late

    def _noted(self, number: int, outcome: TaskOutcome) -> TaskOutcome:
        """Note in the shared counts what became of a task, and return it."""
        counts = self._job.counts
        if outcome.state == "stored":
            self._get(counts.stored.remote(number))
        elif outcome.state in ("quarantine", "failed"):
            store = outcome.task.mosaic.path
            self._get(counts.spoil.remote(number, store, outcome.state, outcome.reason))
        return outcome

    def _living(self) -> Set[str]:
        import ray

        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        return {node["NodeID"] for node in nodes if node["Alive"]}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other task runs here: a second death is then this task's own."""
        with self._one_alone:
            for _ in range(self._job.in_flight):
                self._places.acquire()
        try:
            yield
        finally:
            self._places.release(self._job.in_flight)

    def _run_in_time(self, worker: Worker, task: Task) -> TaskOutcome | None:
        """Run a task; None is one that did not end in time: its thread is still there."""
        future = started(lambda: worker.run(task))
        try:
            return future.result(self._job.task_timeout_s)
        except TimeoutError:
            return None


def judged(task: Task, history: TaskHistory, living: Set[str]) -> TaskOutcome:
    """Return the outcome of a task that was started often enough: its scene is bad, or the machines are.

    The scene is to blame only where processes died that worked on nothing else, on machines that live on
    (``living``), and where no such death turned out to be of something else. Anything else is left to the
    next run.
    """
    own = sum(node in living for node in history.alone_on)
    if own >= _OWN_DEATHS and not history.is_machine:
        return TaskOutcome(task, "quarantine", _KILLS.format(history.starts, own))
    return TaskOutcome(task, "failed", _DIED.format(history.starts))


def _portable(error: Exception) -> Exception:
    """Return one of our errors as it is, any other as one line: it may not survive being pickled."""
    if isinstance(error, SgddiffBatchError):
        return error
    first, *_ = str(error).splitlines() or [""]
    return FatalError(f"a worker process failed with {type(error).__name__}: {first}")
