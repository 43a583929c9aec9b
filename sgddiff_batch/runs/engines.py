"""Which engine does the work of a run: threads of this process, or actors of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.work import Take, WorkerSource
from sgddiff_batch.runs.attempt import Attempt


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """``threads`` pieces of work are done at once by each worker; the others are for Ray alone.

    ``workers`` None is as many as fit; ``worker_bytes`` is what each reserves of its machine's memory.
    """

    kind: Literal["local", "ray"]
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
    if settings.kind == "local":
        yield from run_local((attempt or Attempt()).judged(take), make_worker("local"), settings.threads)
        return
    from sgddiff_batch.engine.ray_cluster import connect_ray
    from sgddiff_batch.engine.ray_pool import run_ray

    with connect_ray():
        yield from run_ray(
            take,
            make_worker,
            workers=settings.workers,
            gpus_per_worker=settings.gpus_per_worker,
            worker_bytes=settings.worker_bytes,
            threads=settings.threads,
        )
