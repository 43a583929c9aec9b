"""The local engine: one process, a few threads. The reference that the Ray engine must equal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from sgddiff_batch.engine.work import RunsWork, Take


def run_local(take: Take, worker: RunsWork, threads: int = 3) -> Iterator[Any]:
    """Take work for one worker and yield its outcomes as they come, until there is none and none is at work.

    Work is taken as it starts. When the caller stops early, nothing more is taken, and what has started is
    waited for.
    """
    pending: set[Future[Any]] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="work") as pool:
        while True:
            while len(pending) < threads and (work := take()) is not None:
                pending.add(pool.submit(worker.run, work))
            if not pending:
                return
            ended, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)
