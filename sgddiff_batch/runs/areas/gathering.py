"""Gathering: cells are composed, and what workers tell besides results is kept: costs, and previews."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

import numpy as np

from sgddiff_batch.core.composite_planning import AreaPlan
from sgddiff_batch.core.gallery import Gallery, typical_share
from sgddiff_batch.core.previews import Preview
from sgddiff_batch.costs import CostSum
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs import Attempt, run_works
from sgddiff_batch.runs.areas.area_run import AreaResult, AreaRun
from sgddiff_batch.runs.areas.cells import CellOutcome, CellWork, failed_cell


@dataclass(slots=True)
class Gathering:
    """Costs of all workers, and in ``gallery`` the previews for the page; None: nobody wants to see any."""

    gallery: Gallery | None = None
    costs: CostSum = field(default_factory=CostSum)

    @property
    def previews(self) -> Mapping[str, Preview]:
        """The previews by the path of their mosaic."""
        return {} if self.gallery is None else self.gallery.previews

    def wished(self, work: CellWork, left: int) -> CellWork:
        """Return work that says whether it is to come with a preview; so many cells are after it."""
        return work if self.gallery is None else replace(work, wish=self.gallery.wish(left))

    def hear(self, outcome: CellOutcome) -> None:
        """Keep what a worker told."""
        self.costs.add(outcome.costs)
        result, preview = outcome.result, outcome.preview
        if self.gallery is None or preview is None or result.state != "done" or result.store is None:
            return
        self.gallery.add(result.store, preview, result.share, sum(result.seconds.values()))


def gathering_of(run: AreaRun) -> Gathering:
    """Return what gathers for a run, by what its config wants on the page."""
    wanted = run.config.report
    if not wanted.html or not wanted.pictures:
        return Gathering()
    records = [run.records[area_id] for area_id in run.changes.unchanged]
    valid, salient = (
        np.array([getattr(record, name) for record in records], np.int64)
        for name in ("valid_px", "salient_px")
    )
    return Gathering(Gallery(wanted.pictures, typical_share(valid, salient)))


def composed(run: AreaRun, attempt: Attempt, suspects: Set[str], told: Gathering) -> Iterator[AreaResult]:
    """Compose what was touched, and yield the results as they come; ``told`` hears what comes with them.

    suspects: cells of which processes died before.
    """
    waiting = deque(
        CellWork(plan, _earlier(run, plan), with_care=plan.area_id in suspects)
        for plan in run.changes.touched
    )

    def take() -> CellWork | None:
        return told.wished(waiting.popleft(), len(waiting)) if waiting else None

    for outcome in run_works(take, run.recipe, run.engine, attempt):
        if isinstance(outcome, CellOutcome):
            told.hear(outcome)
            yield outcome.result
        elif outcome.is_own and outcome.work.reason is None:
            waiting.append(replace(outcome.work, reason=outcome.reason))
        else:
            yield failed_cell(outcome.work.plan, outcome.reason)


def _earlier(run: AreaRun, plan: AreaPlan) -> SceneRecord | None:
    """Return the record whose mosaic stays current if the new one fails; None if it was withdrawn."""
    return None if plan.area_id in run.changes.returned else run.records.get(plan.area_id)
