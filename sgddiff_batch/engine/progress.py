"""Progress: what the driver remembers of a mosaic while its tasks are at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from sgddiff_batch.core.planning import SceneMosaic, Task
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.seams import NO_RIMS, OpenBorders, SeamSteps
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.work import TaskOutcome
from sgddiff_batch.protocols import BlockRecord, Claim


@dataclass(slots=True)
class MosaicProgress:
    """The tasks of one mosaic that have not ended (``waiting``, by name), and what came of those that have.

    ``opening``: the seconds of the stages before the tasks. ``preview``: the most salient one of its tasks.
    """

    mosaic: SceneMosaic
    claim: Claim
    waiting: set[str] = field(default_factory=set)
    blocks: dict[Window, BlockRecord] = field(default_factory=dict)
    outcomes: list[TaskOutcome] = field(default_factory=list)
    opening: Mapping[str, float] = field(default_factory=dict)
    preview: Preview | None = None
    borders: OpenBorders = field(default_factory=OpenBorders)

    @property
    def is_spoiled(self) -> bool:
        """Whether a task ended so that the others need not be done."""
        return any(outcome.state != "stored" for outcome in self.outcomes)

    def end(self, outcome: TaskOutcome) -> None:
        """Take note of a task's end."""
        self.borders.add(outcome.rims)
        shown = outcome.preview
        if shown is not None and (self.preview is None or shown.weight > self.preview.weight):
            self.preview = shown
        self.outcomes.append(replace(outcome, preview=None, rims=NO_RIMS))  # of all tasks one is kept
        self.blocks.update((block.window, block) for block in outcome.blocks)
        self.waiting.discard(outcome.task.name)

    def skip(self, task: Task) -> None:
        """Take note that a task is not done, for another one was spoiled."""
        self.waiting.discard(task.name)

    def waits_for(self, task: Task) -> bool:
        """Whether it is a task of this mosaic that has not ended."""
        return task.mosaic.path == self.mosaic.path and task.name in self.waiting

    def reason(self, state: str) -> str | None:
        """Return the reason of the first task that ended so, if one did."""
        return next((o.reason for o in self.outcomes if o.state == state), None)

    def tiles(self) -> tuple[int, int]:
        """Return how many tiles were computed, of all tasks whose network's work was done, and their px."""
        lattice, done = self.mosaic.lattice, [one.task.window for one in self.outcomes if one.is_inferred]
        return sum(map(lattice.tile_count, done)), sum(map(lattice.tiles_px, done))

    def seam(self) -> SeamSteps | None:
        """Return the steps of the codes of all tasks and between them, None where none was stored."""
        told = [one.seam for one in self.outcomes if one.seam is not None]
        return reduce(SeamSteps.plus, told, self.borders.steps) if told else None

    def seconds(self) -> dict[str, float]:
        """Return the seconds of all stages, over all tasks."""
        total = dict(self.opening)
        for outcome in self.outcomes:
            for stage, seconds in outcome.seconds.items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total
