"""Worker: runs tasks one after the other through the pipeline, on one process's predictors.

Both engines call :meth:`Worker.run` from a few threads: while one task is on the device, the next one is
being read and the last one stored.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from sgddiff_batch.core.planning import Task
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.engine.retries import Retries, one_line
from sgddiff_batch.errors import FatalError, SceneError
from sgddiff_batch.pipeline import infer_task, read_task, store_task
from sgddiff_batch.protocols import BlockRecord, BlockWriter, CarefulReader, Ledger, Predictor, SceneReader

log = logging.getLogger(__name__)

READ_AHEAD = 1
STORE_BEHIND = 1

SKIPPED = "another task of the scene could not be processed"
"""The reason of a task that is skipped."""


def tasks_in_flight(predictors: int) -> int:
    """Return how many tasks a worker with that many predictors holds at once."""
    return predictors + READ_AHEAD + STORE_BEHIND


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What became of a task.

    ``state`` is stored; quarantine: its scene cannot be processed; failed: the machinery could not, and the
    next run will try again; skipped: another task of its scene had ended so. ``reason`` says why.
    """

    task: Task
    state: Literal["stored", "quarantine", "failed", "skipped"]
    reason: str | None = None
    blocks: tuple[BlockRecord, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_inferred(self) -> bool:
        """Whether the network's work on the task was done, whatever came of it."""
        return self.state == "stored" or "store" in self.seconds


class Worker:
    """Runs tasks; :meth:`run` may be called from several threads, ``predictors`` of which infer at once."""

    def __init__(
        self,
        reader: SceneReader,
        predictor: Predictor,
        writer: BlockWriter,
        ledger: Ledger,
        *,
        predictors: int = 1,
        sleep: Callable[[float], None] = time.sleep,
        retries: Retries | None = None,
    ) -> None:
        self._reader, self._predictor, self._writer, self._ledger = reader, predictor, writer, ledger
        self._device = threading.Semaphore(predictors)
        self._retries = retries or Retries(sleep=sleep)
        self._spoiled: set[str] = set()

    def distrust(self, scene: Scene) -> None:
        """Have a scene read with care from now on: a process died that worked on it."""
        if isinstance(self._reader, CarefulReader):
            self._reader.distrust(scene)

    def run(self, task: Task) -> TaskOutcome:
        """Run a task to its end and say what became of it.

        Raises:
            FatalError: where going on would damage data.
        """
        if task.mosaic.path in self._spoiled:
            return TaskOutcome(task, "skipped", SKIPPED)
        seconds: dict[str, float] = {}
        try:
            blocks = self._run(task, seconds)
        except SceneError as error:
            return self._spoil(TaskOutcome(task, "quarantine", str(error), seconds=seconds))
        except FatalError:
            raise
        except Exception as error:
            log.debug("task %s of %s failed", task.name, task.scene_id, exc_info=True)
            return self._spoil(TaskOutcome(task, "failed", one_line(error), seconds=seconds))
        return TaskOutcome(task, "stored", blocks=tuple(blocks), seconds=seconds)

    def _run(self, task: Task, seconds: dict[str, float]) -> list[BlockRecord]:
        store, call = task.mosaic.path, self._retries.call_in_time
        with _timed(seconds, "read"):
            read = call(store, "reading it", lambda: read_task(task, self._reader))
        with self._device, _timed(seconds, "infer"):
            codes = infer_task(task, read, self._predictor)
        del read
        with _timed(seconds, "store"):
            return call(
                store, "storing its blocks", lambda: store_task(task, codes, self._writer, self._ledger)
            )

    def _spoil(self, outcome: TaskOutcome) -> TaskOutcome:
        self._spoiled.add(outcome.task.mosaic.path)
        return outcome


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - start
