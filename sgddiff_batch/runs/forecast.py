"""Forecast: what a plan takes, by the sizes of its scenes and a sample of them that was opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import SceneMosaic, Task, Tiling, plan_tasks
from sgddiff_batch.engine.steps import task_bytes
from sgddiff_batch.engine.survey import RunPlan
from sgddiff_batch.errors import ConfigError

_GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Workers:
    """Who will work on a plan: ``workers`` processes, each with ``in_flight`` tasks at once.

    ``task_memory_bytes`` is what the tasks of one worker may take, ``batch_px`` the pixels of the tiles that
    are in a worker's networks at once, on a CPU, and ``bytes_per_px`` what each of them takes there.
    """

    workers: int
    in_flight: int
    task_memory_bytes: int
    batch_px: int
    bytes_per_px: int = 0

    @property
    def task_bytes(self) -> int:
        """What one task may take."""
        return self.task_memory_bytes // self.in_flight

    @property
    def network_bytes(self) -> int:
        """What the tiles in one worker's networks take."""
        return self.batch_px * self.bytes_per_px

    @property
    def worker_bytes(self) -> int:
        """What one worker may take."""
        return budget.worker_bytes(self.task_memory_bytes, self.network_bytes)

    def peak_bytes(self, largest_task_bytes: int) -> int:
        """Return the peak memory of all workers with tasks of at most that size."""
        tasks = min(self.in_flight * largest_task_bytes, self.task_memory_bytes)
        return self.workers * budget.worker_bytes(tasks, self.network_bytes)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The plan in numbers. ``read_px`` counts halos, ``mosaic_px`` does not; bytes are before compression.

    ``opened``: so many scenes were looked into; the numbers of the others are by their size in bytes.
    """

    scenes: int
    blocks: int
    tasks: int
    tiles: int
    mosaic_px: int
    read_px: int
    read_bytes: int
    write_bytes: int
    peak_memory_bytes: int
    opened: int = 0

    @property
    def halo_overhead(self) -> float:
        """Pixels read more than once, as a share of the mosaics' pixels."""
        return self.read_px / self.mosaic_px - 1 if self.mosaic_px else 0.0

    @property
    def is_exact(self) -> bool:
        """Whether all scenes were looked into."""
        return self.opened == self.scenes


def check_tiling(tiling: Tiling, workers: Workers) -> None:
    """Refuse a tiling of which not even one tile fits the memory of a worker's tasks.

    Raises:
        ConfigError: if it does not.
    """
    least = budget.task_bytes(tiling.tile_px**2, 1)
    if least > workers.task_memory_bytes:
        raise ConfigError(
            f"tiling.task_memory_gib: one tile of {tiling.tile_px} px takes {least / _GIB:.3g} GiB, but it "
            f"allows {workers.task_memory_bytes / _GIB:.3g}; raise it, or lower tiling.tile_px"
        )


def forecast(plan: RunPlan, sample: Sequence[SceneMosaic], workers: Workers) -> Forecast:
    """Return what the plan takes, as far as it is known before its scenes are opened.

    sample: the mosaics of those scenes of the plan that were opened.
    """
    tasks = [task for mosaic in sample for task in plan_tasks(mosaic, workers.task_bytes)]
    largest = min(max(map(task_bytes, tasks), default=0), workers.task_memory_bytes)
    known = _measured(tasks)
    scale = 1.0
    if len(sample) < len(plan.todo):
        whole = int(plan.todo.sizes_bytes.sum())
        scale = whole / max(1, sum(mosaic.scene.size_bytes for mosaic in sample))
        largest = workers.task_bytes
    mosaic_px, read_px, read_bytes, write_bytes, blocks, tiles = (round(scale * number) for number in known)
    return Forecast(
        scenes=len(plan.todo),
        blocks=blocks,
        tasks=round(scale * len(tasks)),
        tiles=tiles,
        mosaic_px=mosaic_px,
        read_px=read_px,
        read_bytes=read_bytes,
        write_bytes=write_bytes,
        peak_memory_bytes=workers.peak_bytes(largest),
        opened=len(sample),
    )


def _measured(tasks: Sequence[Task]) -> tuple[int, int, int, int, int, int]:
    """Return the pixels of mosaics and of reads, the bytes of reads and writes, blocks and tiles."""
    bands = [len(set(task.profile.bands)) * task.profile.sample_bytes for task in tasks]
    return (
        sum(task.window.area_px for task in tasks),
        sum(task.halo.area_px for task in tasks),
        sum(task.halo.area_px * size for task, size in zip(tasks, bands, strict=True)),
        sum(task.window.area_px * 4 // 3 for task in tasks),
        sum(1 for task in tasks for _ in task.blocks()),
        sum(task.mosaic.lattice.tile_count(task.window) for task in tasks),
    )
