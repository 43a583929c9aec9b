"""Which engine does the work of a run: threads of this process, or actors of a Ray cluster."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, Literal, NoReturn

from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.ray_cluster import joins_cluster
from sgddiff_batch.engine.work import AnyWork, Engine, Take, WorkerSource
from sgddiff_batch.runs.attempt import Attempt

Kind = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """``threads`` pieces of work are done at once by each worker; the others are for Ray alone.

    ``workers`` None is as many as fit; ``worker_bytes`` is what each reserves of its machine's memory.
    """

    kind: Kind
    threads: int
    workers: int | None = None
    gpus_per_worker: float = 0.0
    worker_bytes: int = 0


def run_works(
    take: Take, make_worker: WorkerSource, settings: EngineSettings, attempt: Attempt | None = None
) -> Iterator[Any]:
    """Take work and yield an outcome for each piece, see :data:`sgddiff_batch.engine.work.Engine`.

    attempt: knows of what the processes died whose place this one takes.

    Raises:
        FatalError: where going on would damage data, or the cluster cannot be used.
        ConfigError: as the workers do while they are made.
    """
    first = take()
    if first is not None:
        with ExitStack() as stack:
            yield from _started(stack, make_worker, settings, attempt)(_after(first, take))


@contextmanager
def started_engine(
    prepare: Callable[[], tuple[WorkerSource, EngineSettings]],
    attempt: Attempt | None = None,
    *,
    kind: Kind,
) -> Iterator[Engine]:
    """Yield an engine that has begun, in a thread, with all that it does before its first work.

    So libraries and networks are loaded, GPUs made ready, clusters joined and workers started beside the
    listing; a cluster that would have to be started for it waits for the first work. The engine runs once,
    and raises what went wrong meanwhile, as :func:`run_works` does; where there is no work it is only ended.
    ``prepare`` is called in the thread, too. attempt: as of :func:`run_works`. kind: that of the settings.
    """
    # The thread ends before the stack does, whatever it has entered by then.
    with (
        _sigterm_raises(kind),
        ExitStack() as stack,
        ThreadPoolExecutor(1, thread_name_prefix="engine") as thread,
    ):

        def begin() -> Callable[[], Engine]:
            make_worker, settings = prepare()
            start = partial(_started, stack, make_worker, settings, attempt)
            if settings.kind == "ray" and not joins_cluster():
                # Never in this thread: Ray has its gcs_server and raylet killed with who started them
                # (PDEATHSIG), and to the kernel that is the thread, not the process. They would die as soon
                # as this one ends, before ray.shutdown: that took 15 s then instead of 1.4, and failed a run.
                return start
            engine = start()
            return lambda: engine

        begun = thread.submit(begin)

        def run(take: Take) -> Iterator[Any]:
            first = take()
            if first is not None:
                yield from begun.result()()(_after(first, take))

        yield run


@contextmanager
def _sigterm_raises(kind: Kind) -> Iterator[None]:
    """Have SIGTERM raise SystemExit in a run on Ray, so that it publishes, reports and gives its lease back.

    ``ray.init`` sees to that in the main thread alone, and a cluster is joined in another one.
    """
    if kind != "ray" or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def exit_by(number: int, frame: FrameType | None) -> NoReturn:
        signal.alarm(0)  # Ray's handler in C++, which calls this one, would abort the process after 3 s
        received.append(number)
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, exit_by)
    try:
        yield
    except SystemExit as stop:
        if received:  # ray.wait makes 1 of any code
            stop.code = 128 + received[0]
        raise
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _after(first: AnyWork, take: Take) -> Take:
    """Return what gives a piece of work that was taken already, and then what ``take`` gives."""
    before = [first]
    return lambda: before.pop() if before else take()


def _started(
    stack: ExitStack, make_worker: WorkerSource, settings: EngineSettings, attempt: Attempt | None
) -> Engine:
    if settings.kind == "local":
        worker = make_worker("local" if attempt is None else attempt.run_id)
        return lambda take: run_local(
            take if attempt is None else attempt.judged(take), worker, settings.threads
        )
    from sgddiff_batch.engine.ray_cluster import connect_ray
    from sgddiff_batch.engine.ray_pool import ray_pool

    stack.enter_context(connect_ray())
    pool = stack.enter_context(
        ray_pool(
            make_worker,
            workers=settings.workers,
            gpus_per_worker=settings.gpus_per_worker,
            worker_bytes=settings.worker_bytes,
            threads=settings.threads,
        )
    )
    return pool.outcomes
