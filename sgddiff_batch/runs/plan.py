"""Plan: the archive is listed and compared with the ledger; what that takes is told by sizes and a sample."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from sgddiff_batch.core.planning import SceneMosaic
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.store_names import id_of
from sgddiff_batch.core.withdrawals import Withdrawals
from sgddiff_batch.engine.retries import no_retries
from sgddiff_batch.engine.survey import RunPlan, survey
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.ledger import FileActivity, ObjectLedger, RedoMark, mended_records
from sgddiff_batch.io.sources import Listing, list_archive
from sgddiff_batch.protocols import SceneReader, SceneRecord
from sgddiff_batch.runs.bench import Bench
from sgddiff_batch.runs.forecast import Forecast, check_tiling, forecast
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

_SAMPLE = 16
"""So many scenes are opened for the plan, at most: of no more, all are."""
_OPENED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has been planned: everything that it needs, nothing started."""

    bench: Bench
    listing: Listing
    records: Mapping[str, SceneRecord]
    plan: RunPlan
    forecast: Forecast
    withdrawals: Withdrawals
    marks: Mapping[str, RedoMark]


def plan_run(bench: Bench, scope: Scope = EVERYTHING, *, allow_withdrawals: bool = False) -> Run:
    """List the archive, compare it with the ledger, and plan what is new or changed.

    Without a lease on the output the plan is a dry one: nothing is changed there.

    Raises:
        ConfigError: if the archive is not there, or the plan does not fit its memory.
    """
    key, ledger, may_write = bench.run_key, bench.ledger, bench.lease is not None
    check_tiling(bench.tiling.tiling, bench.crew)
    listing = list_archive(bench.query, bench.output.uri)
    records = mended_records(ledger, write=may_write)
    withdrawals = plan_withdrawals(bench, listing, allow=allow_withdrawals)
    missing = {missing_scene(file): file.reason for file in listing.missing}
    marks = read_marks(ledger, records, drop_outdated=may_write)
    # Before anything is planned: an attempt learns by it that there were others before it.
    suspects = _suspects(bench) if may_write else frozenset[str]()
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
    return Run(bench, listing, records, plan, _forecast(bench, plan), withdrawals, marks)


def _swept(ledger: ObjectLedger, records: Mapping[str, SceneRecord], marked: Set[str]) -> set[str]:
    """Remove the marks of blocks whose mosaics are recorded, for a run was killed in between; return them."""
    current = {path for path in marked if (record := records.get(id_of(path))) and record.store == path}
    for path in current:
        ledger.forget_blocks(path)
    return current


def _suspects(bench: Bench) -> frozenset[str]:
    """Return the ids of scenes that processes died of, as far as is known: on this machine, or long ago."""
    return bench.attempt.suspects(bench.output.uri) | bench.ledger.deaths()


def _forecast(bench: Bench, plan: RunPlan) -> Forecast:
    """Return what a plan takes; a few of its scenes are opened for it, of all sizes."""
    at = range(0, len(plan.todo), max(1, -(-len(plan.todo) // _SAMPLE)))
    sample = [plan.todo[number] for number in at]
    # Those that processes died of are left to the workers, who read them with care.
    sample = [scene for scene in sample if scene.scene_id not in plan.suspects]
    activity = FileActivity(bench.output.uri, "plan")
    try:
        reader = bench.reader(activity)
        with ThreadPoolExecutor(_OPENED_AT_ONCE, thread_name_prefix="sample") as pool:
            opened = list(pool.map(partial(_opened, bench, plan, reader), sample))
    finally:
        activity.close()
    return forecast(plan, [mosaic for mosaic in opened if mosaic is not None], bench.crew)


def _opened(bench: Bench, plan: RunPlan, reader: SceneReader, scene: Scene) -> SceneMosaic | None:
    """Return the mosaic of a scene; None if it cannot be opened, which is for a worker to tell."""
    try:
        with reader.held(scene) as held:
            profile = no_retries().call_in_time(scene.scene_id, "opening it", lambda: held.profile(scene))
    except FatalError:
        raise
    except Exception:
        log.debug("%s could not be opened for the plan", scene.scene_id, exc_info=True)
        return None
    return SceneMosaic.at(plan.path_of(scene), scene, profile, bench.tiling.tiling)
