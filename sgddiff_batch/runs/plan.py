"""Plan: the archive is listed and compared with the ledger; what that takes is told by opened scenes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.store_names import id_of
from sgddiff_batch.core.withdrawals import Withdrawals
from sgddiff_batch.core.words import printable
from sgddiff_batch.engine.driver import scene_work
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.engine.retries import no_retries
from sgddiff_batch.engine.survey import RunPlan, survey
from sgddiff_batch.io.ledger import FileActivity, ObjectLedger, RedoMark, mended_records
from sgddiff_batch.io.sources import Listing, list_archive
from sgddiff_batch.protocols import SceneRecord
from sgddiff_batch.runs.bench import Bench
from sgddiff_batch.runs.forecast import Forecast, Needs, check_tiling, forecast, tiles_error
from sgddiff_batch.runs.opening import Opener, open_all
from sgddiff_batch.runs.scope import (
    EVERYTHING,
    Scope,
    missing_scene,
    read_marks,
    replacements,
    tell_postponed,
)
from sgddiff_batch.runs.withdrawals import plan_withdrawals

log = logging.getLogger(__name__)

NEW, CHANGED, OTHER, AGAIN = "new", "changed", "other model or settings", "asked for again"
_SAMPLE = 16
"""So many scenes are opened for the plan, at most: of no more, all are."""
_OPENED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has been planned: everything that it needs, nothing started.

    ``refused`` are the rows that scenes would have in the report which were opened and cannot be worked on.
    """

    bench: Bench
    listing: Listing
    records: Mapping[str, SceneRecord]
    plan: RunPlan
    forecast: Forecast
    withdrawals: Withdrawals
    marks: Mapping[str, RedoMark]
    refused: tuple[SceneResult, ...] = ()

    def why_counts(self) -> dict[str, int]:
        """Return how many scenes are to be done, and why: "new" and "changed" always, others if any."""
        counts = Counter(map(self._why, self.plan.todo))
        return {
            why: counts[why] for why in (NEW, CHANGED, OTHER, AGAIN) if counts[why] or why in (NEW, CHANGED)
        }

    def _why(self, scene: Scene) -> str:
        record = self.records.get(scene.scene_id)
        if record is None:
            return NEW
        if record.version != scene.version:
            return CHANGED
        return AGAIN if record.run_key == self.bench.run_key else OTHER


def plan_run(
    bench: Bench, scope: Scope = EVERYTHING, *, allow_withdrawals: bool = False, exact: bool = False
) -> Run:
    """List the archive, compare it with the ledger, and plan what is new or changed.

    Without a lease on the output the plan is a dry one: nothing is changed there. exact: all scenes of the
    plan are opened, on the workers, and not a few of them here.

    Raises:
        ConfigError: if the archive is not there, or the plan does not fit its memory.
    """
    # First: what is known of the network takes its library, which an engine loads beside the listing.
    listing = list_archive(bench.query, bench.output.uri)
    key, ledger, may_write = bench.run_key, bench.ledger, bench.lease is not None
    check_tiling(bench.tiling.tiling, bench.crew)
    records = mended_records(ledger, write=may_write)
    withdrawals = plan_withdrawals(bench, listing, allow=allow_withdrawals)
    missing = {missing_scene(file): file.reason for file in listing.missing}
    marks = read_marks(ledger, records, drop_outdated=may_write)
    # Before anything is planned: an attempt learns by it that there were others before it.
    suspects = _suspects(bench, keep=not may_write)
    extent = bench.attempt.rest_of(scope.extent(listing, records, marks), records)
    plan = survey(listing.scenes, records, key, missing, extent)
    marked = {name.rpartition("/")[0] for name in ledger.names("blocks")}
    if may_write:
        marked -= _swept(ledger, records, marked)
    plan = replace(
        plan,
        paths=replacements(plan.todo, key, ledger, marks),
        marked=frozenset(map(id_of, marked)),
        suspects=suspects,
    )
    tell_postponed(plan)
    if not (listing.scenes or listing.missing or listing.not_listed):
        log.warning("archive.uri: there are no .tif or .tiff files in %s", bench.query.sources[0].uri)
    if listing.scenes and listing.undated and listing.undated[0] == len(listing.scenes):
        log.warning(
            "archive.time_pattern: it finds no time in any id, such as %s", printable(listing.undated[1])
        )
    needs, refused, error = (*open_all(bench, plan, records), 0.0) if exact else _sampled(bench, plan)
    numbers = forecast(plan, needs, bench.crew, refused=len(refused), error=error)
    return Run(bench, listing, records, plan, numbers, withdrawals, marks, refused)


def _swept(ledger: ObjectLedger, records: Mapping[str, SceneRecord], marked: Set[str]) -> set[str]:
    """Remove the marks of blocks whose mosaics are recorded, for a run was killed in between; return them."""
    current = {path for path in marked if (record := records.get(id_of(path))) and record.store == path}
    for path in current:
        ledger.forget_blocks(path)
    return current


def _suspects(bench: Bench, *, keep: bool) -> frozenset[str]:
    """Return the ids of scenes that processes died of, as far as is known: on this machine, or long ago.

    keep: leave the notes of that to the next run.
    """
    return bench.attempt.suspects(bench.output.uri, keep=keep) | bench.ledger.deaths()


def _sampled(bench: Bench, plan: RunPlan) -> tuple[Needs, tuple[SceneResult, ...], float]:
    """Return what a few scenes of a plan take, those of them that are refused, and the error of their tiles.

    They are the middle ones of equal parts of the plan, which is in the order of size: the first ones would
    all be larger than those that they stand for.
    """
    scenes = len(plan.todo)
    count = min(_SAMPLE, scenes)
    at = ((2 * part + 1) * scenes // (2 * count) for part in range(count))
    works = [scene_work(plan, plan.todo[number], {}) for number in at]
    activity = FileActivity(bench.output.uri, bench.run_id)
    try:
        opener = Opener(bench.reader(activity), bench.limits, no_retries())
        with ThreadPoolExecutor(_OPENED_AT_ONCE, thread_name_prefix="sample") as pool:
            # Those that processes died of are left to the workers, who read them with care.
            outcomes = list(pool.map(opener.run, (work for work in works if not work.with_care)))
    finally:
        activity.close()
    rows = [one for one in outcomes if isinstance(one, SceneResult)]
    needs = [one for one in outcomes if isinstance(one, Needs)]
    # What could not be opened for another reason than its own is for a worker to try again.
    refused = tuple(row for row in rows if row.state == "quarantined" or row.height_px)
    return reduce(Needs.plus, needs, Needs()), refused, tiles_error(needs, scenes)
