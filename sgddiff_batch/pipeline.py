"""The whole path of a task: read_task -> infer_task -> store_task, and mark_task where a scene has several.

Every worker runs these verbs for pixels, and nothing else; they may run in several threads at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import count_pixels
from sgddiff_batch.core.fingerprint import array_digest
from sgddiff_batch.core.planning import Task
from sgddiff_batch.protocols import BlockRecord, BlockWriter, Ledger, Predictor, SceneReader


@dataclass(frozen=True, slots=True)
class TaskPixels:
    """A task's halo: pixels (3, H, W) uint8, 0 where not valid, and validity (H, W)."""

    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_]


def read_task(task: Task, reader: SceneReader) -> TaskPixels:
    """Read what every tile that touches the task needs.

    Raises:
        SceneError, RetryableError: as :meth:`SceneReader.read` does.
    """
    return TaskPixels(*reader.read(task.scene, task.profile, task.halo))


def infer_task(task: Task, read: TaskPixels, predictor: Predictor) -> NDArray[np.uint8]:
    """Return the codes (h, w) of the task's window: 0..254 is saliency 0..1, 255 is no data."""
    return predictor.predict(read.pixels, read.valid, task.mosaic.lattice.task_tiles(task.window))


def store_task(
    task: Task,
    codes: NDArray[np.uint8],
    writer: BlockWriter,
    beside: Mapping[str, bytes] | None = None,
) -> tuple[BlockRecord, ...]:
    """Store the task's blocks, each whole; with the first one the objects ``beside`` it, by key."""
    return tuple(_store_blocks(task, codes, writer, beside))


def mark_task(task: Task, blocks: Iterable[BlockRecord], ledger: Ledger) -> None:
    """Mark the stored blocks of a task: a kill costs those of other tasks, and not these."""
    ledger.mark_blocks(task.mosaic, task.window, blocks)


def _store_blocks(
    task: Task, codes: NDArray[np.uint8], writer: BlockWriter, beside: Mapping[str, bytes] | None
) -> Iterator[BlockRecord]:
    for block in task.blocks():
        part = codes[block.relative_to(task.window).slices]
        writer.write_block(task.mosaic, block, part, beside)
        beside = None
        yield BlockRecord(block, array_digest(part), *count_pixels(part))
