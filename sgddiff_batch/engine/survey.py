"""Survey: compare the archive with the ledger, and plan what is new or changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf

from sgddiff_batch.core import budget
from sgddiff_batch.core.planning import SceneMosaic, Task, Tiling, plan_tasks
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.store_names import store_path
from sgddiff_batch.engine.retries import Retries, no_retries, one_line
from sgddiff_batch.errors import (
    ChangedSceneError,
    ConfigError,
    RetryableError,
    SceneError,
    SgddiffBatchError,
    StuckError,
)
from sgddiff_batch.protocols import Ledger, SceneReader, SceneRecord

log = logging.getLogger(__name__)

_OPENED_AT_ONCE = 8

NOT_ASKED_FOR = "not asked for"
OVER_THE_LIMIT = "over the limit"
"""Why a scene is left for another run."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A scene that cannot be planned: for quarantine, or (``retry``) for the next run to try again."""

    scene: Scene
    reason: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of what there is to do a run does.

    ``only``: the ids of the scenes that it may work on, None for all. ``again``: ids of scenes that it works
    on although nothing of them changed. ``limit``: the most scenes that it opens: those in ``again`` first,
    then those that have waited longest, by ``waiting_since_s`` (what is not known is the longest), then by
    id.
    """

    only: Set[str] | None = None
    again: Set[str] = frozenset()
    limit: int | None = None
    waiting_since_s: Mapping[str, float] = field(default_factory=dict)

    def divide(self, scenes: Sequence[Scene]) -> tuple[list[Scene], dict[str, str]]:
        """Return the scenes that are done, and the ids of those that are left, with the reason."""
        only = self.only
        wanted = [scene for scene in scenes if only is None or scene.scene_id in only]
        left = {s.scene_id: NOT_ASKED_FOR for s in scenes if only is not None and s.scene_id not in only}
        if self.limit is None or len(wanted) <= self.limit:
            return wanted, left
        ranked = sorted(wanted, key=self._rank)
        return ranked[: self.limit], left | {s.scene_id: OVER_THE_LIMIT for s in ranked[self.limit :]}

    def _rank(self, scene: Scene) -> tuple[bool, float, str]:
        since_s = self.waiting_since_s.get(scene.scene_id, -inf)
        return scene.scene_id not in self.again, since_s, scene.scene_id


EVERYTHING = Extent()
"""All that is new or changed."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run will do, and what it leaves as it is.

    ``postponed`` are the ids of scenes that are left for another run, with the reason.
    """

    mosaics: tuple[SceneMosaic, ...]
    refused: tuple[Refusal, ...]
    unchanged: tuple[tuple[Scene, SceneRecord], ...]
    still_quarantined: tuple[tuple[Scene, SceneRecord], ...]
    postponed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The plan in numbers. ``read_px`` counts halos, ``mosaic_px`` does not; bytes are before compression."""

    scenes: int
    blocks: int
    tasks: int
    tiles: int
    mosaic_px: int
    read_px: int
    read_bytes: int
    write_bytes: int
    peak_memory_bytes: int

    @property
    def halo_overhead(self) -> float:
        """Pixels read more than once, as a share of the mosaics' pixels."""
        return self.read_px / self.mosaic_px - 1 if self.mosaic_px else 0.0


def survey(
    scenes: Iterable[Scene],
    records: Mapping[str, SceneRecord],
    reader: SceneReader,
    tiling: Tiling,
    run_key: str,
    missing: Mapping[Scene, str] | None = None,
    extent: Extent = EVERYTHING,
    retries: Retries | None = None,
) -> RunPlan:
    """Plan every scene whose version or run key is not the ledger's; of those in ``extent`` each is opened.

    ``missing`` are scenes that the archive names and does not have, with the reasons: for quarantine.
    Without ``retries`` each scene is opened once.
    """
    absent = missing or {}
    unchanged: list[tuple[Scene, SceneRecord]] = []
    quarantined: list[tuple[Scene, SceneRecord]] = []
    new: list[Scene] = []
    for scene in (*scenes, *absent):
        record = records.get(scene.scene_id)
        is_new = record is None or (record.version, record.run_key) != (scene.version, run_key)
        if record is None or is_new or scene.scene_id in extent.again:
            new.append(scene)
        else:
            (quarantined if record.reason else unchanged).append((scene, record))
    refused = [
        Refusal(scene, absent[scene], retry=False)
        for scene in new
        if scene in absent and (extent.only is None or scene.scene_id in extent.only)
    ]
    present, postponed = extent.divide([scene for scene in new if scene not in absent])
    with ThreadPoolExecutor(_OPENED_AT_ONCE, thread_name_prefix="survey") as pool:
        again = retries or no_retries()
        planned = list(pool.map(lambda scene: _plan_scene(scene, reader, tiling, run_key, again), present))
    return RunPlan(
        tuple(plan for plan in planned if isinstance(plan, SceneMosaic)),
        (*refused, *(plan for plan in planned if isinstance(plan, Refusal))),
        tuple(unchanged),
        tuple(quarantined),
        postponed,
    )


def _plan_scene(
    scene: Scene, reader: SceneReader, tiling: Tiling, run_key: str, retries: Retries
) -> SceneMosaic | Refusal:
    try:
        profile = retries.call_in_time(scene.scene_id, "opening it", lambda: reader.profile(scene))
    except SceneError as error:
        return Refusal(scene, str(error), retry=False)
    except (RetryableError, ChangedSceneError, StuckError) as error:
        return Refusal(scene, str(error), retry=True)
    except SgddiffBatchError:
        raise
    except Exception as error:
        # No memory, a mistake of ours: as for a worker, it says nothing of the scene and stops no other.
        log.debug("opening %s failed", scene.scene_id, exc_info=True)
        return Refusal(scene, one_line(error), retry=True)
    return SceneMosaic.at(store_path(scene.scene_id, scene.version, run_key), scene, profile, tiling)


def remaining_tasks(mosaic: SceneMosaic, ledger: Ledger, task_bytes: int) -> list[Task]:
    """Return the tasks of a mosaic's blocks that are not marked; none if it was committed before."""
    if ledger.finished_mosaic(mosaic.path) is not None:
        return []
    done = {record.window for record in ledger.finished_blocks(mosaic.path)} & set(mosaic.blocks())
    return plan_tasks(mosaic, task_bytes, done)


@dataclass(frozen=True, slots=True)
class Workers:
    """Who will work on a plan: ``workers`` processes, each with ``in_flight`` tasks at once.

    ``task_memory_bytes`` is what the tasks of one worker may take, ``batch_px`` the pixels of the tiles that
    are in a worker's networks at once, on a CPU.
    """

    workers: int
    in_flight: int
    task_memory_bytes: int
    batch_px: int

    @property
    def task_bytes(self) -> int:
        """What one task may take."""
        return self.task_memory_bytes // self.in_flight

    @property
    def worker_bytes(self) -> int:
        """What one worker may take."""
        return budget.worker_bytes(self.task_memory_bytes, self.batch_px)

    def peak_bytes(self, largest_task_bytes: int) -> int:
        """Return the peak memory of all workers with tasks of at most that size."""
        tasks = min(self.in_flight * largest_task_bytes, self.task_memory_bytes)
        return self.workers * budget.worker_bytes(tasks, self.batch_px)


def forecast(plan: RunPlan, ledger: Ledger, workers: Workers) -> Forecast:
    """Return what the plan takes.

    Raises:
        ConfigError: if its largest task does not fit the memory of the tasks in flight.
    """
    limit = workers.task_bytes
    tasks = [task for mosaic in plan.mosaics for task in remaining_tasks(mosaic, ledger, limit)]
    largest = max((_task_bytes(task) for task in tasks), default=0)
    if largest > limit:
        raise ConfigError(_does_not_fit(max(tasks, key=_task_bytes), largest, workers))
    areas = list(_areas(tasks))
    return Forecast(
        scenes=len(plan.mosaics),
        blocks=sum(1 for task in tasks for _ in task.blocks()),
        tasks=len(tasks),
        tiles=sum(task.mosaic.lattice.tile_count(task.window) for task in tasks),
        mosaic_px=sum(area for area, _, _ in areas),
        read_px=sum(read for _, read, _ in areas),
        read_bytes=sum(read_bytes for _, _, read_bytes in areas),
        write_bytes=sum(area * 4 // 3 for area, _, _ in areas),
        peak_memory_bytes=workers.peak_bytes(largest),
    )


def _areas(tasks: Iterable[Task]) -> Iterator[tuple[int, int, int]]:
    for task in tasks:
        profile, read_px = task.profile, task.halo.area_px
        yield task.window.area_px, read_px, read_px * len(set(profile.bands)) * profile.sample_bytes


def _task_bytes(task: Task) -> int:
    return budget.task_bytes(task.halo.area_px, task.profile.sample_bytes)


def _does_not_fit(task: Task, largest: int, workers: Workers) -> str:
    gib = 2.0**30
    return (
        f"tiling.task_memory_gib: a worker holds {workers.in_flight} tasks, which at one block each of "
        f"{task.scene_id} take {workers.in_flight * largest / gib:.3g} GiB, but it allows "
        f"{workers.task_memory_bytes / gib:.3g}; raise it, or lower tiling.block_px (it is "
        f"{task.mosaic.tiling.block_px}) or engine.workers"
    )
