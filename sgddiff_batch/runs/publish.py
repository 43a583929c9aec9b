"""Publish: what a run says to the archive catalogue: what left the archive, what is current.

It says so at its end, and every so often while it goes on, in a thread beside the one that hands out scenes:
always what it would say if it were broken off just then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sgddiff_batch.config import ObjectsConfig
from sgddiff_batch.core.generations import Generation, ObjectsFile
from sgddiff_batch.core.texts import TextSet
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.core.withdrawals import Withdrawals
from sgddiff_batch.core.words import counted, first_of, on_one_line, redact_uri
from sgddiff_batch.engine.results import SceneResult
from sgddiff_batch.io import catalogue
from sgddiff_batch.io.catalogue import PublishContext, Recordings
from sgddiff_batch.io.ledger import ObjectLedger, record_table
from sgddiff_batch.io.objects import MOST_DRAWN_PX, ObjectsMaker
from sgddiff_batch.io.reports import Packed
from sgddiff_batch.io.storage import Store
from sgddiff_batch.runs.plan import Run
from sgddiff_batch.runs.withdrawals import archive_name, listed_ids

log = logging.getLogger(__name__)

_MOST_TOLD = 100
"""So many mosaics without objects a report names; the rows of their scenes say it of each."""


def restore_returned(ledger: ObjectLedger, withdrawals: Withdrawals) -> None:
    """Take the marks of scenes back that are in the archive again, before anything is done with them."""
    for scene_id in withdrawals.returned:
        ledger.restore(scene_id)
    if withdrawals.returned:
        log.info(
            "%s back in the archive: %s",
            counted(len(withdrawals.returned), "scene", "are"),
            first_of(withdrawals.returned),
        )


def report_withdrawals(run: Run, results: Iterable[SceneResult]) -> dict[str, object]:
    """Return what the report of a run says of its listing, and of what left the catalogue by it."""
    return {
        "listing": run.listing.report(),
        "withdrawals": run.withdrawals.report(replaced(run, results)),
    }


def replaced(run: Run, results: Iterable[SceneResult]) -> tuple[str, ...]:
    """Return the older versions of scenes that go, for the newer ones have a mosaic now."""
    newer = frozenset(run.withdrawals.superseded.values())
    if not newer:
        return ()
    states = {result.scene_id: result.state for result in results if result.scene_id in newer}

    def is_current(scene_id: str) -> bool:
        record = run.records.get(scene_id)
        was_current = record is not None and record.store is not None and record.reason is None
        state = states.get(scene_id)
        return state == "done" or (was_current and state != "quarantined")

    return run.withdrawals.replaced(is_current)


class Publisher:
    """Publishes what a run has recorded so far, and asks the ledger for nothing that workers told of.

    ``results`` and ``recordings`` grow while the run goes on, in another thread, too: what became of its
    scenes, and what its workers recorded.
    """

    def __init__(self, run: Run, results: Packed[SceneResult], recordings: Recordings) -> None:
        self._run, self._results, self._recordings = run, results, recordings
        self._published = 0
        self._objects = objects_of(run.bench.ledger.store, run.bench.objects)
        self._withdrawn: set[str] = set()

    def publish_safely(self, *, is_over: bool = True) -> bool:
        """Publish as :meth:`publish` does; log what hinders it, and return whether the catalogue is current.

        For a run that goes on, and for its end, also where it is being broken off: whatever broke it must not
        be hidden.
        """
        try:
            self.publish(is_over=is_over)
            return self._objects is None or not self._objects.has_failed
        except Exception as error:
            words = on_one_line(error)
            if is_over:
                log.error("the catalogue is still that of before, the next run publishes: %s", words)
            else:
                log.warning("the catalogue is still that of before, this run tries again later: %s", words)
            log.debug("where publishing stopped:", exc_info=True)
            return False

    def publish(self, *, is_over: bool = True) -> Generation | None:
        """Mark what was withdrawn, publish what is current now; return the new generation, if there is one.

        Raises:
            SgddiffBatchError: as the store does; then readers see the catalogue of before.
        """
        bench, ledger = self._run.bench, self._run.bench.ledger
        # First: who lost the lease asks for nothing, and changes nothing.
        ledger.store.check()
        settled = len(self._results)
        if not is_over and settled == self._published:
            return None
        self._withdraw()
        records, shown = self._recordings.told()
        generation = catalogue.publish(
            ledger.store,
            record_table(self._run.records) | records,
            ledger.withdrawn(index=True).keys(),
            PublishContext(bench.run_id, *self._archive, shown, self._places, bench.stac),
            bench.keep_generations,
            is_over=is_over,
            objects=self._objects,
        )
        self._published = settled
        if generation is not None:
            rows = counted(generation.rows, "mosaic")
            log.info("the catalogue is at generation %d: %s", generation.number, rows)
        return generation

    def objects_report(self) -> dict[str, object]:
        """Return what the report says of mosaics whose objects could not be drawn; nothing where all were."""
        return {} if self._objects is None else self._objects.report()

    def _withdraw(self) -> None:
        """Mark, each once, the scenes that are gone, and the older versions whose newer one is done."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for ids, why in (
            (self._run.withdrawals.withdrawn, "gone from the archive"),
            (replaced(self._run, self._results), "superseded"),
        ):
            new = [scene_id for scene_id in ids if scene_id not in self._withdrawn]
            for scene_id in new:
                self._run.bench.ledger.withdraw(scene_id, now)
                self._withdrawn.add(scene_id)
            if new:
                words = counted(len(new), "scene", "are")
                log.info("%s out of the catalogue, %s: %s", words, why, first_of(new))

    @property
    def _places(self) -> tuple[str, ...]:
        """Below which URIs the scenes of the archive lie; of a pattern that is not known."""
        uris = (redact_uri(source.uri.rstrip("/")) for source in self._run.bench.query.sources)
        return tuple(uri for uri in uris if not set("*?[") & set(uri))

    @cached_property
    def _archive(self) -> tuple[str, TextSet, Mapping[str, TimeSpan]]:
        """What was listed, the ids that it has, and when its scenes were taken."""
        listing = self._run.listing
        return archive_name(self._run.bench.query.sources), listed_ids(listing), listing.times


@dataclass
class SafeObjects:
    """Makes the objects of generations; what hinders that is logged, and hinders no mosaic's publishing.

    ``has_failed``: it was hindered the last time.
    """

    maker: ObjectsMaker
    has_failed: bool = False

    @property
    def columns(self) -> list[str]:
        """What it has to know of the mosaics."""
        return self.maker.columns

    def is_made(self, generation: Generation) -> bool:
        """Say whether a generation has its objects."""
        return self.maker.is_made(generation)

    def make(self, rows: Any, made_of: str, before: ObjectsFile | None) -> ObjectsFile | None:  # noqa: ANN401
        """Make the objects of a generation; None, and those of before stay, where that is not possible."""
        self.has_failed = False
        try:
            return self.maker.make(rows, made_of, before)
        except Exception as error:
            self.has_failed = True
            log.error(
                "the objects are still those of before, the next run tries again: %s", on_one_line(error)
            )
            log.debug("where it stopped:", exc_info=True)
            return None

    def report(self) -> dict[str, object]:
        """Return what a report says of mosaics that they could not be drawn of: how many, the first, why."""
        undrawn = self.maker.undrawn
        first = [row for row in self.maker.mosaics if row.store in undrawn][:_MOST_TOLD]
        rows = [{"scene_id": row.scene_id, "store": row.store, "reason": row.reason} for row in first]
        return {"objects_undrawn": {"mosaics": len(undrawn), "first": rows}} if undrawn else {}


def objects_of(store: Store, wanted: ObjectsConfig | None) -> SafeObjects | None:
    """Return what makes the objects of an output's generations, None where none are wanted."""
    if wanted is None:
        return None
    return SafeObjects(ObjectsMaker(store, wanted.settings, wanted.match_iou, MOST_DRAWN_PX))


@contextmanager
def published_meanwhile(
    publisher: Publisher, every_s: float, over: threading.Event | None = None
) -> Iterator[None]:
    """Publish every so often as long as the context lasts, beside what is done in it; 0: never.

    What hinders it is tried again the next time. Leaving waits for what is being published. over: is waited
    for between two times, and set at the end.
    """
    if not every_s:
        yield
        return
    ended = threading.Event() if over is None else over

    def turns() -> None:
        while not ended.wait(every_s):
            publisher.publish_safely(is_over=False)

    thread = threading.Thread(target=turns, name="publish", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
