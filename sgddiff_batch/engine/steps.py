"""The steps of a scene in a worker, each with its retries and its share of the memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core import budget
from sgddiff_batch.core.blending import count_pixels
from sgddiff_batch.core.gallery import PreviewWish
from sgddiff_batch.core.planning import SceneMosaic, Task, Tiling, plan_tasks
from sgddiff_batch.core.previews import Preview, preview_of
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.seams import NO_RIMS, Rims, SeamSteps, block_steps, rims_of, seam_steps
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.memory import SharedMemory
from sgddiff_batch.engine.retries import Retries, one_line
from sgddiff_batch.engine.work import QuarantineWork
from sgddiff_batch.errors import RetryableError, SceneError, is_unforeseen
from sgddiff_batch.lifecycle import Begun, MosaicLifecycle, Undrawn
from sgddiff_batch.pipeline import TaskPixels, infer_task, mark_task, read_task, store_task
from sgddiff_batch.protocols import (
    Activity,
    BlockRecord,
    Claim,
    Predictor,
    Recorded,
    SceneReader,
    SceneRecord,
)

log = logging.getLogger(__name__)

Seconds = dict[str, float]
"""How long each stage took."""


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """How scenes are cut up: by ``tiling``, into tasks of ``task_bytes``, all at once in ``memory_bytes``."""

    tiling: Tiling
    task_bytes: int
    memory_bytes: int

    def tasks(self, mosaic: SceneMosaic, done: Set[Window] = frozenset()) -> list[Task]:
        """Return the tasks of a mosaic's blocks that are not done."""
        return plan_tasks(mosaic, self.task_bytes, done)

    def refusal(self, tasks: list[Task]) -> str | None:
        """Return why tasks do not fit the memory even with nothing beside them, None where they do."""
        largest, most, gib = max(map(task_bytes, tasks), default=0), self.memory_bytes, 2.0**30
        if largest <= most:
            return None
        return (
            f"one block of it takes {largest / gib:.3g} GiB with nothing beside it, but "
            f"tiling.task_memory_gib allows {most / gib:.3g}; raise it, or lower tiling.block_px (it is "
            f"{self.tiling.block_px})"
        )


@dataclass(frozen=True, slots=True)
class Computed:
    """A task that is stored: its blocks, the steps of its codes across borders and inside, what is shown of
    it, where that was wished for, and its rims, by which it is compared with other tasks.

    ``drawn``: the part of its mosaic, where it is the only task and parts are wanted, or why there is none.
    """

    blocks: tuple[BlockRecord, ...]
    seam: SeamSteps
    preview: Preview | None = None
    rims: Rims = NO_RIMS
    drawn: object = None


class NoActivity:
    """Notes nothing; see :class:`sgddiff_batch.protocols.Activity`."""

    def reading(self, scene_id: str) -> AbstractContextManager[None]:
        """Note nothing."""
        return nullcontext()

    def computing(self, scene_id: str) -> AbstractContextManager[None]:
        """Note nothing."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Steps:
    """What a worker does with scenes, tasks and mosaics; safe in several threads."""

    reader: SceneReader
    predictor: Predictor
    lifecycle: MosaicLifecycle[SceneMosaic]
    limits: TaskLimits
    memory: SharedMemory
    retries: Retries
    activity: Activity

    def open(self, scene: Scene, reader: SceneReader, path: str, seconds: Seconds) -> SceneMosaic:
        """Open a scene and return its mosaic, with its store at a path."""
        with timed(seconds, "open"):
            profile = self.retries.call_in_time(scene.scene_id, "opening it", lambda: reader.profile(scene))
        return SceneMosaic.at(path, scene, profile, self.limits.tiling)

    def begin(
        self, mosaic: SceneMosaic, seconds: Seconds, *, may_have_marks: bool
    ) -> Begun[SceneMosaic] | SceneRecord:
        """Claim a mosaic, or return the record of one that is complete."""

        def begin() -> Begun[SceneMosaic] | SceneRecord:
            return self.lifecycle.begin(mosaic, may_have_marks=may_have_marks)

        with timed(seconds, "begin"), _blaming_the_store("begun"):
            return self.retries.call(mosaic.path, begin)

    def describe(self, mosaic: SceneMosaic, claim: Claim) -> Claim:
        """Put the metadata objects of a mosaic, and return the claim without them."""
        with _blaming_the_store("begun"):
            return self.retries.call(mosaic.path, lambda: self.lifecycle.writer.describe(mosaic, claim))

    def compute(
        self,
        task: Task,
        reader: SceneReader,
        seconds: Seconds,
        whole: Claim | None = None,
        wish: PreviewWish | None = None,
    ) -> Computed:
        """Read, infer and store a task.

        whole: the claim on its mosaic, where there is no other task: the mosaic's metadata are put together
        with the blocks. Else these are marked in the ledger, so that a run that is killed keeps them. wish:
        whether it is to come with a preview.
        """
        store, call, writer = task.mosaic.path, self.retries.call_in_time, self.lifecycle.writer
        with self.memory.share(task_bytes(task)):
            with timed(seconds, "read"):
                read = call(store, "reading it", lambda: read_task(task, reader))
            with timed(seconds, "infer"), self.activity.computing(task.scene_id):
                codes = infer_task(task, read, self.predictor)
            preview = preview_wished(task, read, codes, wish, sum(seconds.values()))
            del read
            seam, rims = seams_of(task, codes)

            def store_all() -> tuple[BlockRecord, ...]:
                blocks = store_task(task, codes, writer, None if whole is None else whole.files)
                if whole is None:
                    mark_task(task, blocks, self.lifecycle.ledger)
                return blocks

            with timed(seconds, "store"):
                blocks = call(store, "storing its blocks", store_all)
            return Computed(blocks, seam, preview, rims, self._drawn(task, codes, whole, seconds))

    def _drawn(self, task: Task, codes: NDArray[np.uint8], whole: Claim | None, seconds: Seconds) -> object:
        """Return the part of a mosaic of one task, where parts are wanted, or why it could not be drawn."""
        parts = self.lifecycle.parts
        if parts is None or whole is None:
            return None
        try:
            with timed(seconds, "objects"):
                return parts.drawn(task.mosaic, whole.root, codes)
        except Exception as error:
            # No storage is asked here, so what the operating system says is no fault of it.
            if isinstance(error, OSError) or is_unforeseen(error):
                return Undrawn.by(error, task.mosaic.path)
            raise

    def commit(
        self,
        mosaic: SceneMosaic,
        claim: Claim,
        blocks: tuple[BlockRecord, ...],
        seconds: Seconds,
        drawn: object = None,
    ) -> Recorded:
        """Commit a mosaic and record it; ``drawn`` is as :class:`Computed` has it."""
        with timed(seconds, "commit"), _blaming_the_store("finished"):
            return self.retries.call(mosaic.path, lambda: self.lifecycle.commit(mosaic, claim, blocks, drawn))

    def forget_blocks(self, mosaic: SceneMosaic) -> None:
        """Drop the marks of a mosaic's blocks: it is recorded."""
        self.retries.call(mosaic.path, lambda: self.lifecycle.ledger.forget_blocks(mosaic.path))

    def quarantine(self, work: QuarantineWork) -> SceneRecord:
        """Remove what was begun of a scene, and record why it cannot be worked on."""
        return self.retries.call(
            work.scene_id,
            lambda: self.lifecycle.quarantine(
                work.scene_id, work.scene.version, work.reason, work.earlier, work.begun, work.left_at
            ),
        )


def seams_of(task: Task, codes: NDArray[np.uint8]) -> tuple[SeamSteps, Rims]:
    """Return the steps of a task's codes, and what its neighbours are to be compared with."""
    lattice, block_px = task.mosaic.lattice, task.mosaic.tiling.block_px
    steps = seam_steps(codes, task.window, lattice.rows, lattice.cols).plus(block_steps(codes, block_px))
    return steps, rims_of(codes, task.window, block_px, task.mosaic.grid.window)


def preview_wished(
    task: Task, read: TaskPixels, codes: NDArray[np.uint8], wish: PreviewWish | None, seconds: float
) -> Preview | None:
    """Return the preview of a task, where it is wished for: now, for its pixels are given up next.

    What goes wrong with it costs the preview, and not the scene.
    """
    if wish is None:
        return None
    try:
        step = max(1, max(codes.shape) // _SHARE_LINES)
        valid_px, salient_px = count_pixels(codes[::step, ::step])
        if not wish.is_for(salient_px / valid_px if valid_px else None, seconds):
            return None
        return preview_of(codes, read.pixels, task.window, task.halo, task.mosaic.grid.window)
    except Exception:
        log.debug("no preview of %s", task.mosaic.path, exc_info=True)
        return None


_SHARE_LINES = 1024
"""A task's salient share is that of so many of its lines."""


def task_bytes(task: Task) -> int:
    """Return the peak bytes of a task."""
    return budget.task_bytes(task.halo.area_px, task.profile.sample_bytes)


@contextmanager
def _blaming_the_store(done: str) -> Iterator[None]:
    """What is wrong with a mosaic's objects is no fault of its scene: the next run makes it anew."""
    try:
        yield
    except (SceneError, RetryableError) as error:
        raise RetryableError(f"it could not be {done}: {error}") from error
    except OSError as error:
        raise RetryableError(f"it could not be {done}: {one_line(error)}") from error


@contextmanager
def timed(seconds: Seconds, stage: str) -> Iterator[None]:
    """Note how long the body of a ``with`` takes."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - start
