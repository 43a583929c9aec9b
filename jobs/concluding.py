"""The end of a run: its report, its table, its speed, and the exit code that says what the archive is."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from jobs import assembly, plan_table, publishing, summary
from sgddiff_batch.core.words import first_of
from sgddiff_batch.engine.driver import SceneResult
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError
from sgddiff_batch.io.ledger import ObjectLedger, write_rate
from sgddiff_batch.io.reports import (
    DAMAGED,
    UNKNOWN_RULE,
    Rows,
    Unchanged,
    build_report,
    first_of_each_reason,
    write_report,
)

if TYPE_CHECKING:
    from jobs.infer_archive import Run

log = logging.getLogger(__name__)

EXIT_DONE, EXIT_FAILED, EXIT_CONFIG, EXIT_QUARANTINED, EXIT_HELD = 0, 1, 2, 3, 4


def conclude(run: Run, results: Sequence[SceneResult], started: str, seconds: float) -> None:
    """Write the report and print the table, also of a run that is being broken off.

    results: what became of each scene of the plan but those that are unchanged.
    """
    rows = [*results, *damaged_rows(run)]
    try:
        output = assembly.open_output(run.config, run.lease)
        uri = write_report(output, _report(run, rows, results, started, seconds))
    except (SgddiffBatchError, OSError) as error:
        log.error("the report could not be written: %s", error)
        uri = "none"
    summary.print_results(rows, len(run.plan.unchanged), seconds, uri)


def damaged_rows(run: Run) -> list[SceneResult]:
    """Return a row for each damaged record that the run went round, besides the rows of their scenes."""
    damaged = sorted(run.damage.records.values(), key=lambda one: one.key)
    ids = {one.scene_id for one in damaged}
    uris = {scene.scene_id: scene.uri for scene in run.listing.scenes if scene.scene_id in ids}
    return [
        SceneResult(one.scene_id, uris.get(one.scene_id, ""), DAMAGED, f"{one.reason}; {one.remedy}")
        for one in damaged
    ]


def unchanged_ids(run: Run) -> Iterator[str]:
    """Yield the ids of the scenes that the run left as they were; of a million, no list is made."""
    return (scene.scene_id for scene, _ in run.plan.unchanged)


def keep_rate(run: Run, results: Iterable[SceneResult], seconds: float) -> None:
    """Keep how fast the run was, for the next one's plan; that it cannot be kept is no fault of the run."""
    rate = plan_table.measured_rate(run, sum(result.tiles for result in results), seconds)
    try:
        if rate is not None:
            write_rate(run.ledger.store, rate)
    except (SgddiffBatchError, OSError) as error:
        log.warning("how fast the run was could not be kept: %s", error)


def guarded(work: Callable[[], int]) -> int:
    """Call what returns the exit code of a run; an error that stops it is a line in the log, and its code."""
    try:
        return work()
    except LeaseHeldError as error:
        log.error("%s", error)
        return EXIT_HELD
    except ConfigError as error:
        log.error("%s", error)
        return EXIT_CONFIG
    except SgddiffBatchError as error:
        log.error("the run stopped: %s", error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        log.error("interrupted; run the same command again to go on")
        return EXIT_FAILED
    except Exception as error:
        log.error("the run stopped: %s: %s", type(error).__name__, " ".join(str(error).split()))
        log.debug("where it stopped:", exc_info=True)
        return EXIT_FAILED


class Outcome(Protocol):
    """What became of a scene, or of an area mosaic."""

    @property
    def scene_id(self) -> str:
        """Its id in the ledger."""

    @property
    def state(self) -> str:
        """Its state in the report."""


def exit_code(
    ledger: ObjectLedger, results: Sequence[Outcome], *, published: bool, unchanged: Iterable[str] = ()
) -> int:
    """Return the exit code of a run that has ended, and note in its ledger what it tells.

    unchanged: ids of scenes that it looked at and left as they were, besides those of ``results``.

    Scenes in quarantine are told of once: by the first run after which nothing else is wrong. So one that is
    killed, or fails, after it has put scenes into quarantine leaves it to the next one to tell.
    """
    states = {result.state for result in results}
    if not published or states & {"failed", "pending"}:
        return EXIT_FAILED
    untold = set(ledger.names("untold"))
    quarantined = {r.scene_id for r in results if r.state in ("quarantined", "still quarantined")}
    earlier = quarantined & untold - {r.scene_id for r in results if r.state == "quarantined"}
    if earlier:
        log.warning(
            "%d scenes were put into quarantine by a run that did not end well, and are there still: %s",
            len(earlier),
            first_of(sorted(earlier)),
        )
    # Not of scenes that this run did not look at: whoever does is the one to tell.
    ledger.told_of(untold.intersection(chain((result.scene_id for result in results), unchanged)))
    return EXIT_QUARANTINED if earlier or "quarantined" in states else EXIT_DONE


def _report(
    run: Run, rows: Sequence[SceneResult], results: Sequence[SceneResult], started: str, seconds: float
) -> dict[str, object]:
    return build_report(
        run.run_id,
        started_at=started,
        seconds=seconds,
        config=run.config.model_dump(mode="json"),
        run={"run_key": run.run_key, "device": run.device, **asdict(run.crew), **asdict(run.forecast)}
        | publishing.report(run, results),
        scenes=Rows(rows),
        ignored=first_of_each_reason(map(asdict, run.listing.ignored)),
        unchanged=_unchanged(run),
        items_left_out=run.listing.item_counts(),
    )


def _unchanged(run: Run) -> Unchanged:
    records = [record for _, record in run.plan.unchanged]
    return Unchanged(
        len(records),
        sum(record.valid_px for record in records),
        sum(record.salient_px for record in records),
        Counter(record.mask_rule or UNKNOWN_RULE for record in records),
    )
