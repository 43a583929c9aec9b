"""Forecast: what a plan takes, by those of its scenes that were opened, and by sizes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import sqrt

from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import Task, Tiling
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
class Needs:
    """What opened scenes take: how many ``scenes``, their files' ``size_bytes``, and their tasks in numbers.

    ``tiles_px``: pixels of the tiles together; ``read_px`` counts halos, ``mosaic_px`` does not;
    ``read_bytes`` and ``write_bytes`` are before compression.
    """

    scenes: int = 0
    size_bytes: int = 0
    blocks: int = 0
    tasks: int = 0
    tiles: int = 0
    tiles_px: int = 0
    mosaic_px: int = 0
    read_px: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    largest_task_bytes: int = 0

    def plus(self, other: Needs) -> Needs:
        """Return what both take together."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMS}
        return Needs(**sums, largest_task_bytes=max(self.largest_task_bytes, other.largest_task_bytes))

    def scaled(self, factor: float) -> Needs:
        """Return what so many times as much takes; the largest task is as large."""
        sums = {name: round(factor * getattr(self, name)) for name in _SUMS}
        return Needs(**sums, largest_task_bytes=self.largest_task_bytes)


_SUMS = tuple(each.name for each in fields(Needs) if each.name != "largest_task_bytes")


def needs_of(size_bytes: int, tasks: Sequence[Task]) -> Needs:
    """Return what a scene with a file of that size takes, by its tasks."""
    bands = [len(set(task.profile.bands)) * task.profile.sample_bytes for task in tasks]
    return Needs(
        scenes=1,
        size_bytes=size_bytes,
        blocks=sum(1 for task in tasks for _ in task.blocks()),
        tasks=len(tasks),
        tiles=sum(task.mosaic.lattice.tile_count(task.window) for task in tasks),
        tiles_px=sum(task.mosaic.lattice.tiles_px(task.window) for task in tasks),
        mosaic_px=sum(task.window.area_px for task in tasks),
        read_px=sum(task.halo.area_px for task in tasks),
        read_bytes=sum(task.halo.area_px * size for task, size in zip(tasks, bands, strict=True)),
        write_bytes=sum(task.window.area_px * 4 // 3 for task in tasks),
        largest_task_bytes=max(map(task_bytes, tasks), default=0),
    )


@dataclass(frozen=True, slots=True)
class Forecast:
    """The plan in numbers. ``read_px`` counts halos, ``mosaic_px`` does not; bytes are before compression.

    ``tiles_px``: pixels of the tiles together, which are of many sizes: by them goes the time.
    ``opened``: so many scenes were looked into and can be worked on, ``refused`` so many cannot, and take
    nothing; the numbers of the others are by their size in bytes. ``tiles_error``: the standard error of
    ``tiles`` that comes of that, as a share of them.
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
    refused: int = 0
    tiles_error: float = 0.0
    tiles_px: int = 0

    @property
    def halo_overhead(self) -> float:
        """Pixels read more than once, as a share of the mosaics' pixels."""
        return self.read_px / self.mosaic_px - 1 if self.mosaic_px else 0.0

    @property
    def is_exact(self) -> bool:
        """Whether all scenes were looked into."""
        return self.opened + self.refused == self.scenes


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


def tiles_error(sample: Sequence[Needs], scenes: int) -> float:
    """Return the standard error of an estimate of tiles, as a share of them: of a ratio of tiles to bytes.

    sample: what each of the opened scenes takes, of so many. It tells nothing of what no sample shows, one
    scene with most of the tiles, and is 0 where all were opened, or less than two.
    """
    count, tiles = len(sample), sum(one.tiles for one in sample)
    if count < 2 or not tiles:
        return 0.0
    ratio = tiles / max(1, sum(one.size_bytes for one in sample))
    squares = sum((one.tiles - ratio * one.size_bytes) ** 2 for one in sample)
    return sqrt(max(0.0, 1 - count / scenes) * count / (count - 1) * squares) / tiles


def forecast(
    plan: RunPlan, opened: Needs, workers: Workers, *, refused: int = 0, error: float = 0.0
) -> Forecast:
    """Return what the plan takes, as far as it is known.

    opened: what those of its scenes take that were opened; refused: so many cannot be worked on. error: see
    :func:`tiles_error`.
    """
    known, largest = opened, min(opened.largest_task_bytes, workers.task_memory_bytes)
    if opened.scenes + refused < len(plan.todo):
        known = opened.scaled(int(plan.todo.sizes_bytes.sum()) / max(1, opened.size_bytes))
        largest = workers.task_bytes
    return Forecast(
        scenes=len(plan.todo),
        blocks=known.blocks,
        tasks=known.tasks,
        tiles=known.tiles,
        mosaic_px=known.mosaic_px,
        read_px=known.read_px,
        read_bytes=known.read_bytes,
        write_bytes=known.write_bytes,
        peak_memory_bytes=workers.peak_bytes(largest)
        + budget.publish_bytes(len(plan.unchanged) + len(plan.todo)),
        opened=opened.scenes,
        refused=refused,
        tiles_px=known.tiles_px,
        tiles_error=0.0 if opened.scenes + refused == len(plan.todo) else error,
    )
