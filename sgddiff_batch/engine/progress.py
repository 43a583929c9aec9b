"""Progress: what the driver remembers of a mosaic while its tasks are at work."""

from __future__ import annotations

from dataclasses import dataclass, field

from sgddiff_batch.core.planning import SceneMosaic
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.worker import TaskOutcome
from sgddiff_batch.protocols import BlockRecord


@dataclass(slots=True)
class MosaicProgress:
    """The tasks of one mosaic that have not ended, and what came of those that have."""

    mosaic: SceneMosaic
    waiting: int = 0
    blocks: dict[Window, BlockRecord] = field(default_factory=dict)
    outcomes: list[TaskOutcome] = field(default_factory=list)
    commit_s: float | None = None

    def reason(self, state: str) -> str | None:
        """Return the reason of the first task that ended so, if one did."""
        return next((o.reason for o in self.outcomes if o.state == state), None)

    def tiles(self) -> int:
        """Return how many tiles were computed: those of all tasks whose network's work was done."""
        lattice = self.mosaic.lattice
        return sum(lattice.tile_count(one.task.window) for one in self.outcomes if one.is_inferred)

    def seconds(self) -> dict[str, float]:
        """Return the seconds of all tasks by stage, and of the commit."""
        total: dict[str, float] = {} if self.commit_s is None else {"commit": self.commit_s}
        for outcome in self.outcomes:
            for stage, seconds in outcome.seconds.items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total
