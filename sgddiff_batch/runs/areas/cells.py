"""Cells as work of an engine: each is composed by one worker, in this process or on a cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.composite_planning import AreaPlan, AreaSettings
from sgddiff_batch.core.gallery import PreviewWish
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.previews import Preview, preview_of
from sgddiff_batch.core.window import Window
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.costs import NOTHING, CostMeter, Costs
from sgddiff_batch.engine.retries import Retries, one_line
from sgddiff_batch.errors import ChangedSceneError, FatalError, LostClaimError, SceneError
from sgddiff_batch.io.areas import Composer
from sgddiff_batch.io.ledger import Fence, FileActivity, fenced, take_left
from sgddiff_batch.io.storage import open_store, take_calls
from sgddiff_batch.protocols import Activity, Left, SceneRecord
from sgddiff_batch.runs.areas.area_run import AreaResult, settled_cell

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CellWork:
    """Compose an area mosaic; ``earlier`` is the record of the one that stays current if that fails.

    ``reason``: it cannot be composed, and is put into quarantine for it. ``wish``: whether it is to come with
    a preview.
    """

    plan: AreaPlan
    earlier: SceneRecord | None = None
    reason: str | None = None
    with_care: bool = False
    wish: PreviewWish | None = None

    @property
    def scene_id(self) -> str:
        """The id of the area mosaic."""
        return self.plan.area_id

    @property
    def key(self) -> str:
        """What tells it from all other work of a run."""
        return self.plan.area_id


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """What became of a cell. ``costs``: what the worker's process took since it told last.

    ``preview``: of the most salient of the blocks that were composed, as the work wished for.
    """

    work: CellWork
    result: AreaResult
    costs: Costs = NOTHING
    preview: Preview | None = None


@dataclass(slots=True)
class _Seen:
    """Keeps a preview of the blocks of a cell. What goes wrong with it costs the preview, not the cell."""

    wish: PreviewWish | None
    preview: Preview | None = None

    def see(self, codes: NDArray[np.uint8], block: Window, grid: Window) -> None:
        if self.wish is None:
            return
        try:
            shown = preview_of(codes, None, block, block, grid)
        except Exception:
            log.debug("no preview of %s", block, exc_info=True)
            return
        if shown is not None and (self.preview is None or shown.weight > self.preview.weight):
            self.preview = shown

    def wished(self, result: AreaResult) -> Preview | None:
        is_for = self.wish is not None and self.wish.is_for(result.share, sum(result.seconds.values()))
        return self.preview if is_for else None


@dataclass(frozen=True, slots=True)
class CellWorker:
    """Composes cells; may be called from several threads. ``take_costs`` tells what was not told yet."""

    composer: Composer
    activity: Activity
    retries: Retries
    take_costs: Callable[[], Costs] = lambda: NOTHING

    def run(self, work: CellWork) -> CellOutcome:
        """Compose a cell to its end and say what became of it.

        Raises:
            FatalError: where going on would damage data.
        """
        seen = _Seen(work.wish)
        result = self._result(work, seen)
        return CellOutcome(work, result, self.take_costs(), seen.wished(result))

    def _result(self, work: CellWork, seen: _Seen) -> AreaResult:
        plan, start = work.plan, time.perf_counter()
        try:
            with self.activity.reading(plan.area_id):
                record = self.retries.call(plan.area_id, lambda: self._settled(work, seen))
        except FatalError:
            raise
        except Exception as error:  # whatever it is, it must not stop the others
            log.debug("%s: where it stopped:", plan.area_id, exc_info=True)
            says_all = isinstance(error, ChangedSceneError | LostClaimError)
            reason = on_one_line(error) if says_all else one_line(error)
            return failed_cell(plan, reason)
        seconds = {"compose": time.perf_counter() - start}
        return settled_cell(plan, record, seconds)

    def _settled(self, work: CellWork, seen: _Seen) -> SceneRecord:
        if work.reason is not None:
            return self.composer.quarantine(work.plan, work.earlier, work.reason)
        try:
            return self.composer.compose(work.plan, seen.see)
        except SceneError as error:
            reason = on_one_line(error)
            return self.composer.quarantine(work.plan, work.earlier, reason)


@dataclass(frozen=True, slots=True)
class CellRecipe:
    """Makes the worker of a process; ``fence`` is asked before it changes anything in the area.

    ``objects`` None: none are drawn.
    """

    archive_uri: str
    area_uri: str
    name: str
    settings: AreaSettings
    block_px: int
    run_id: str
    fence: Fence | None = None
    objects: ObjectSettings | None = None

    def __call__(self, label: str = "worker") -> CellWorker:
        """Open the stores."""
        area = fenced(open_store(self.area_uri), self.fence)
        made_by = self.name, self.settings, self.block_px, self.run_id, self.objects
        composer = Composer(open_store(self.archive_uri), area, *made_by)
        retries = Retries()
        take_costs = CostMeter(lambda: retries.cost, None, take_calls).take
        return CellWorker(composer, FileActivity(self.area_uri, label), retries, take_costs)

    def take_left(self, label: str) -> Left:
        """Return what the process was at work on that this one takes the place of."""
        return take_left(self.area_uri, label)


def failed_cell(plan: AreaPlan, reason: str) -> AreaResult:
    """Return the row of a cell that is left for the next run."""
    return AreaResult(plan.area_id, "failed", reason)
