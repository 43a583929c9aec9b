"""The local engine: one process, a few threads. The reference that the Ray engine must equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from sgddiff_batch.core.planning import Task
from sgddiff_batch.engine.worker import TaskOutcome, Worker, tasks_in_flight


def run_local(tasks: Iterable[Task], worker: Worker, predictors: int = 1) -> Iterator[TaskOutcome]:
    """Run tasks on one worker and yield their outcomes as they end.

    Tasks are drawn from the iterable as they start. When the caller stops early, what has not started is
    dropped and what has is waited for.
    """
    in_flight = tasks_in_flight(predictors)
    pending: set[Future[TaskOutcome]] = set()
    with ThreadPoolExecutor(in_flight, thread_name_prefix="task") as pool:
        try:
            for task in tasks:
                pending.add(pool.submit(worker.run, task))
                if len(pending) >= in_flight:
                    ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in ended)
            while pending:
                ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        finally:
            for future in pending:
                future.cancel()
