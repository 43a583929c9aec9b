"""The Ray engine: Ray Data hands task numbers to a pool of actors; an actor reads, infers and stores.

Only numbers go in and reports come out: pixels through the object store would cost three copies of every
block. An actor is called from a few threads at once (``max_concurrent_calls_per_actor``), each with one task,
so that the next task is read and the last one stored while the device computes. The other way, several tasks
a call and a thread pool inside, stalls at the end of every call and reports late.

Defaults of Ray Data that are changed here, and why:

* One block a task, from ``from_items``: work is spread evenly, reports arrive as they are made, and no read
  task competes with the actors for a CPU (actors that hold every CPU starve it, silently and for ever).
* Exceptions never leave an actor: the first would abort the job. ``max_errored_blocks`` would hide them.
* A task whose process dies is started again by Ray without end; :class:`SharedCounts` bounds that.
* Half an hour without a report ends an execution, however long a task may take; here two time-outs are added.
* Progress bars, the summary of the execution, and messages on the console are off; the log files stay.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.ray_cluster import count_workers
from sgddiff_batch.engine.ray_worker import Job, RayWorker, SharedCounts
from sgddiff_batch.engine.worker import TaskOutcome, Worker, tasks_in_flight

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.data import Dataset

TASK_TIMEOUT_S = 6 * 3600.0
"""A task that takes longer is taken for stuck."""

_START_S = 1800.0
"""How long a cluster may take to start its first worker."""

_MAX_BLOCKS = 10_000
"""Ray Data takes 1 ms to put a block, before the first task starts, and keeps 2 kB of each in memory."""

log = logging.getLogger(__name__)


def run_ray(
    tasks: Iterable[Task],
    make_worker: Callable[[], Worker],
    *,
    workers: int | None = None,
    gpus_per_worker: float = 0.0,
    worker_bytes: int = 0,
    predictors: int = 1,
    task_timeout_s: float = TASK_TIMEOUT_S,
) -> Iterator[TaskOutcome]:
    """Run tasks on the connected Ray cluster and yield exactly one outcome each, as they end.

    ``make_worker`` is called in every actor, once; it is pickled, and so is what it refers to. ``workers``
    None is as many as fit, and more while a cluster grows. ``worker_bytes`` is what an actor reserves of its
    machine's memory (0: nothing), ``predictors`` what the worker was made with. A task without an end within
    ``task_timeout_s`` is failed and its process replaced; so is, after :data:`MAX_STARTS` starts, one whose
    process dies. When the caller stops early, nothing more is started.

    Raises:
        FatalError: where going on would damage data, or a worker process cannot even start.
        ConfigError: if no worker fits this machine. What ``make_worker`` raises is raised here, too.
    """
    planned = tuple(tasks)
    if not planned:
        return
    room = count_workers(gpus_per_worker, worker_bytes)
    size = min(workers or room, len(planned))
    pool = _Pool(
        size, size if workers else len(planned), gpus_per_worker, worker_bytes, tasks_in_flight(predictors)
    )
    answers = _answers(planned, make_worker, pool, task_timeout_s)
    missing = dict(enumerate(planned))
    reason = "Ray lost its outcome"
    try:
        for number, answer in answers:
            if isinstance(answer, Exception):
                raise answer
            if missing.pop(number, None) is not None:
                yield answer
    except _ExecutionEndedError as error:
        reason = f"Ray ended before it: {error}"
        log.error("%d tasks have no outcome, because Ray ended: %s", len(missing), error)
    finally:
        answers.close()
    for task in missing.values():
        yield TaskOutcome(task, "failed", reason)


class _ExecutionEndedError(Exception):
    """Ray Data could not go on; the message is one line."""


@dataclass(frozen=True, slots=True)
class _Pool:
    """The actors to ask for: ``size``, and up to ``max_size`` while all are busy and there is room."""

    size: int
    max_size: int
    gpus_per_worker: float
    worker_bytes: int
    in_flight: int

    def map_options(self) -> dict[str, Any]:
        """Return the keywords of :meth:`ray.data.Dataset.map`."""
        from ray.data import ActorPoolStrategy

        compute = ActorPoolStrategy(
            min_size=self.size,  # not less: Ray Data would drop actors that are still being started
            max_size=self.max_size,
            max_concurrent_calls_per_actor=self.in_flight,
            # Twice as many are sent to it, Ray's default: those that wait there begin without a pause.
            enable_true_multi_threading=True,
        )
        return {
            "compute": compute,
            "num_cpus": 0 if self.gpus_per_worker else 1,
            "num_gpus": self.gpus_per_worker or None,
            "memory": self.worker_bytes or None,
            # Two threads of a process move the last bit, and many more than there are CPUs cost 30 times.
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}},
        }


def _answers(
    tasks: tuple[Task, ...], make_worker: Callable[[], Worker], pool: _Pool, task_timeout_s: float
) -> Generator[tuple[int, TaskOutcome | Exception], None, None]:
    """Yield (number of a task, what a worker made of it) as they come."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    actor: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(SharedCounts)
    counts = actor.options(scheduling_strategy=here).remote()
    job = ray.put(Job(make_worker, tasks, counts, pool.in_flight, task_timeout_s))
    dataset = _dataset(len(tasks), job, pool, task_timeout_s)
    batches: Any = iter(dataset.iter_batches(batch_size=None, prefetch_batches=0))
    try:
        while batch := _next(batches):
            for number, answer in zip(batch["number"], batch["answer"], strict=True):
                yield int(number), pickle.loads(answer)
    finally:
        batches.close()
        ray.kill(counts)


def _dataset(count: int, job: ObjectRef[Job], pool: _Pool, task_timeout_s: float) -> Dataset:
    import ray.data

    rows_per_block = -(-count // _MAX_BLOCKS)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = _START_S + 2 * rows_per_block * task_timeout_s
    for handler in logging.getLogger("ray.data").handlers:
        # Only Ray's own: others, such as the job's, may hang there too, and must not fall silent.
        if type(handler).__module__.partition(".")[0] == "ray" and isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL)
    with ray.data.DataContext.current(context):
        rows = [{"number": number} for number in range(count)]
        numbers = ray.data.from_items(rows, override_num_blocks=-(-count // rows_per_block))
        worker: Any = RayWorker
        return numbers.map(worker, fn_constructor_args=[job], **pool.map_options())


def _next(batches: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return next(batches, None)
    except Exception as error:
        # Whatever it is, it is not of a task: those come back as answers.
        raise _ExecutionEndedError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
