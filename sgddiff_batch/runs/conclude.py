"""Conclude: the end of a run: its report, its speed, and how it ended."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field
from enum import Enum
from itertools import chain
from types import MappingProxyType
from typing import Any, Protocol

from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.words import counted, first_of, on_one_line
from sgddiff_batch.costs import NOTHING, Costs, peak_memory_bytes
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.errors import ConfigError, SgddiffBatchError
from sgddiff_batch.io.ledger import ObjectLedger, Rate, kind_of_work, read_rate, write_rate
from sgddiff_batch.io.reports import (
    DAMAGED,
    UNKNOWN_RULE,
    Rows,
    Unchanged,
    build_report,
    first_of_each_reason,
    write_report,
)
from sgddiff_batch.io.storage import take_calls
from sgddiff_batch.runs.bench import Bench
from sgddiff_batch.runs.plan import Run
from sgddiff_batch.runs.publish import report_withdrawals
from sgddiff_batch.runs.report import write_page_at_end

log = logging.getLogger(__name__)


class Ending(Enum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    """Something is left to do; the same command goes on with it."""
    QUARANTINED = "quarantined"
    """Done, and something is newly in quarantine or left out."""
    INTERRUPTED = "interrupted"
    """Broken off by Ctrl-C; the same command goes on."""
    WRONG = "wrong"
    """Broken off, for the config is wrong, or what it names is not there any more, or denied."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What a run did: a row a scene that is not as it was, how many are, and where the report is.

    ``totals`` are the report's. ``page_uri``: where its page is, None where there is none.
    """

    rows: Collection[SceneResult]
    unchanged: int
    seconds: float
    report_uri: str
    totals: Mapping[str, object] = field(default_factory=dict)
    page_uri: str | None = None


def conclude(
    run: Run,
    results: Collection[SceneResult],
    ending: Ending,
    previews: Mapping[str, Preview] = MappingProxyType({}),
    costs: Costs = NOTHING,
    more: Mapping[str, object] = MappingProxyType({}),
) -> RunEnd:
    """Write the report, also of a run that is being broken off.

    results: what became of each scene of the plan but those that are unchanged. previews: for the page, by
    the path of the mosaic; what it shows besides is read. costs: of the workers. more: what the report says
    of the run besides.
    """
    rows, seconds = Joined(results, damaged_rows(run)), run.bench.attempt.seconds
    report = _report(run, rows, results, seconds, ending, costs)
    report["run"].update(more)
    try:
        uri = write_report(run.bench.output, report)
    except (SgddiffBatchError, OSError) as error:
        log.error("the report could not be written: %s", error)
        uri, page = "none", None
    else:
        page = write_page_at_end(run.bench.output, uri, report, run.bench.query.access, previews)
    return RunEnd(rows, len(run.plan.unchanged), seconds, uri, report["totals"], page)


@dataclass(frozen=True, slots=True)
class Joined(Collection[SceneResult]):
    """Rows, and further ones after them: of a million no copy is made."""

    results: Collection[SceneResult]
    more: Collection[SceneResult]

    def __len__(self) -> int:
        return len(self.results) + len(self.more)

    def __iter__(self) -> Iterator[SceneResult]:
        return chain(self.results, self.more)

    def __contains__(self, row: object) -> bool:
        return row in self.results or row in self.more


def damaged_rows(run: Run) -> list[SceneResult]:
    """Return a row for each damaged record that the run went round, besides the rows of their scenes."""
    damaged = sorted(run.bench.damage.records.values(), key=lambda one: one.key)
    ids = {one.scene_id for one in damaged}
    scenes = run.listing.scenes if ids else ()
    uris = {scene.scene_id: scene.uri for scene in scenes if scene.scene_id in ids}
    return [
        SceneResult(one.scene_id, uris.get(one.scene_id, ""), DAMAGED, f"{one.reason}; {one.remedy}")
        for one in damaged
    ]


def unchanged_ids(run: Run) -> Iterator[str]:
    """Yield the ids of the scenes that the run left as they were; of a million, no list is made."""
    return iter(run.plan.unchanged.scenes.ids)


def keep_rate(run: Run, results: Iterable[SceneResult], seconds: float) -> None:
    """Keep how fast the run was, for the next one's plan; that it cannot be kept is no fault of the run."""
    rate = measured_rate(run.bench, sum(result.tiles_px for result in results), seconds)
    try:
        if rate is not None:
            write_rate(run.bench.ledger.store, rate)
    except (SgddiffBatchError, OSError) as error:
        log.warning("how fast the run was could not be kept: %s", error)


def expected_seconds(bench: Bench, tiles_px: int) -> float | None:
    """Return how long so many pixels of tiles take, as fast as the last run; None where none is known."""
    rate = read_rate(bench.ledger.store, work_of(bench))
    return None if rate is None else rate.seconds_for(tiles_px, bench.workers)


def measured_rate(bench: Bench, tiles_px: int, seconds: float) -> Rate | None:
    """Return the rate of a run that has ended, None where it computed nothing."""
    return Rate(tiles_px, seconds, bench.workers, work_of(bench)) if tiles_px and seconds > 0 else None


def work_of(bench: Bench) -> str:
    """Return what tells the work of a run from other work, as far as its speed goes."""
    facts = {name: bench.pixel_settings.get(name) for name in ("model", "tile_px")}
    return kind_of_work({**facts, "engine": bench.engine.kind})  # type: ignore[dict-item]


class Outcome(Protocol):
    """What became of a scene, or of an area mosaic."""

    @property
    def scene_id(self) -> str:
        """Its id in the ledger."""

    @property
    def state(self) -> str:
        """Its state in the report."""


def ending_by(error: BaseException) -> Ending:
    """Return how a run ends that an error breaks off."""
    if isinstance(error, KeyboardInterrupt):
        return Ending.INTERRUPTED
    return Ending.WRONG if isinstance(error, ConfigError) else Ending.FAILED


def ending_of(
    ledger: ObjectLedger, results: Collection[Outcome], *, published: bool, unchanged: Iterable[str] = ()
) -> Ending:
    """Return how a run ended, and note in its ledger what it tells by that.

    unchanged: ids of scenes that it looked at and left as they were, besides those of ``results``.

    Scenes in quarantine are told of once: by the first run after which nothing else is wrong. So one that is
    killed, or fails, after it has put scenes into quarantine leaves it to the next one to tell.
    """
    if not published or _is_unfinished(results):
        return Ending.FAILED
    untold = set(ledger.names("untold"))
    earlier = _told_late(results, untold)
    if earlier:
        log.warning(
            "%s put into quarantine by a run that did not end well, and still there: %s",
            counted(len(earlier), "scene", "were"),
            first_of(sorted(earlier)),
        )
    # Not of scenes that this run did not look at: whoever does is the one to tell.
    ledger.told_of(untold.intersection(chain((result.scene_id for result in results), unchanged)))
    return Ending.QUARANTINED if earlier or _has_new(results) else Ending.DONE


def judged(ledger: ObjectLedger, results: Collection[Outcome], *, published: bool) -> Ending:
    """Return what :func:`ending_of` will, for the report, which is written first; nothing is noted.

    A store that cannot be asked makes it failed.
    """
    if not published or _is_unfinished(results):
        return Ending.FAILED
    try:
        earlier = _has_new(results) or _told_late(results, set(ledger.names("untold")))
    except (SgddiffBatchError, OSError) as error:
        log.warning("whether quarantines of earlier runs are to be told is not known: %s", on_one_line(error))
        return Ending.FAILED
    return Ending.QUARANTINED if earlier else Ending.DONE


def _is_unfinished(results: Iterable[Outcome]) -> bool:
    return any(result.state in ("failed", "pending") for result in results)


def _has_new(results: Iterable[Outcome]) -> bool:
    return any(result.state == "quarantined" for result in results)


def _told_late(results: Iterable[Outcome], untold: Set[str]) -> set[str]:
    """Return the scenes that an earlier run put into quarantine without telling, and that are there still."""
    return {result.scene_id for result in results if result.state == "still quarantined"} & untold


def _report(
    run: Run,
    rows: Collection[SceneResult],
    results: Collection[SceneResult],
    seconds: float,
    ending: Ending,
    costs: Costs,
) -> dict[str, Any]:
    bench = run.bench
    return build_report(
        bench.run_id,
        started_at=bench.attempt.begun_at,
        seconds=seconds,
        ending=ending.value,
        config=bench.settings,
        run={"run_key": bench.run_key, "device": bench.device, **asdict(bench.crew), **asdict(run.forecast)}
        | {"model": bench.facts.model, "why": run.why_counts(), **_measured(bench)}
        | {"costs": told_costs(costs, bench.crew.worker_bytes)}
        | report_withdrawals(run, results)
        | bench.attempt.facts(),
        scenes=Rows(rows),
        ignored=first_of_each_reason(map(asdict, run.listing.ignored)),
        unchanged=_unchanged(run),
        items_left_out=run.listing.item_counts(),
    )


def _measured(bench: Bench) -> dict[str, int]:
    """Return the most memory that this process has taken, where it does the work itself."""
    if not bench.works_here:
        return {}
    return {"measured_memory_bytes": peak_memory_bytes()}


def told_costs(costs: Costs, worker_bytes: int) -> dict[str, float]:
    """Return what a run took, its own calls of storage too, beside what a worker was predicted to take."""
    calls, writes = take_calls()
    both = asdict(costs.plus(Costs(storage_calls=calls, storage_writes=writes)))
    told = {name: round(value, 3) for name, value in both.items()}
    return told | {"worker_memory_predicted_bytes": worker_bytes}


def _unchanged(run: Run) -> Unchanged:
    columns = run.plan.unchanged.columns
    return Unchanged(
        len(columns),
        int(columns.valid_px.sum()),
        int(columns.salient_px.sum()),
        Counter(rule or UNKNOWN_RULE for rule in columns.mask_rules),
    )
