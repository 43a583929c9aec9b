"""Accounts: what the driver remembers of a mosaic while its tasks are at work."""

from __future__ import annotations

from dataclasses import dataclass, field

from sgddiff_batch.core.planning import Mosaic
from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.worker import TaskOutcome
from sgddiff_batch.protocols import BlockRecord


@dataclass(slots=True)
class Account:
    """The tasks of one mosaic that have not ended, and what came of those that have."""

    mosaic: Mosaic
    waiting: int
    blocks: dict[Window, BlockRecord]
    outcomes: list[TaskOutcome] = field(default_factory=list)

    def reason(self, state: str) -> str | None:
        """Return the reason of the first task that ended so, if one did."""
        return next((o.reason for o in self.outcomes if o.state == state), None)

    def seconds(self) -> dict[str, float]:
        """Return the seconds of all tasks by stage."""
        total: dict[str, float] = {}
        for outcome in self.outcomes:
            for stage, seconds in outcome.seconds.items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total
