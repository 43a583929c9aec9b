"""The local engine: one process, a few threads. The reference that the Ray engine must equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from sgddiff_batch.engine.work import AnyWork, Lost, RunsWork


def run_local(take: Callable[[], AnyWork | Lost | None], worker: RunsWork, threads: int = 3) -> Iterator[Any]:
    """Take work for one worker and yield its outcomes as they come, until there is none and none is at work.

    Work is taken as it starts. When the caller stops early, nothing more is taken, and what has started is
    waited for. What a process died of is done with nothing beside it, so that another death says more. What
    is given up already is an outcome.
    """
    pending: set[Future[Any]] = set()
    careful: AnyWork | None = None
    with ThreadPoolExecutor(threads, thread_name_prefix="work") as pool:
        while True:
            while careful is None and len(pending) < threads and (work := take()) is not None:
                if isinstance(work, Lost):
                    yield work
                elif work.with_care:
                    careful = work
                else:
                    pending.add(pool.submit(worker.run, work))
            if not pending and careful is not None:
                yield pool.submit(worker.run, careful).result()
                careful = None
                continue
            if not pending:
                return
            ended, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)
