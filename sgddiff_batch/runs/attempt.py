"""Attempt: one process of a run. Where it dies another one goes on: with its id, its start, and its deaths.

Whose fault a death was is judged by the rules of :mod:`sgddiff_batch.engine.deaths`, as on Ray.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from sgddiff_batch.core.record_columns import RecordColumns
from sgddiff_batch.core.words import first_of
from sgddiff_batch.engine.deaths import DeathBook
from sgddiff_batch.engine.survey import Extent
from sgddiff_batch.engine.work import AnyWork, Lost, Take
from sgddiff_batch.io.ledger import Lease, take_left
from sgddiff_batch.io.reports import new_run_id
from sgddiff_batch.io.storage import Store
from sgddiff_batch.protocols import Left, SceneRecord
from sgddiff_batch.runs.scope import MISSING

log = logging.getLogger(__name__)

_HERE = "this machine"
_LEASES_WAITED = 5
"""For so many lengths of its lease a run that goes on waits for who took it between two processes."""


class Journal(Protocol):
    """What outlives the processes of a command."""

    @property
    def deaths(self) -> Sequence[Mapping[str, str]]:
        """Those of the processes before this one: of each the name of its ``signal``, and when (``at``)."""

    def progressed(self) -> None:
        """Note that something was done for good."""

    def keep(self, key: str, facts: dict[str, Any]) -> None:
        """Keep facts for the process that takes this one's place, instead of what was kept by this key."""

    def kept(self, key: str) -> dict[str, Any] | None:
        """Return what was kept by a key."""


@dataclass(frozen=True, slots=True)
class Death:
    """The death of a process of a run: by which signal, when, and what it was reading and computing then."""

    signal: str
    at: str
    reading: Sequence[str] = ()
    computing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Noted:
    """A scene, or an area mosaic, of which a process that died had a note."""

    scene_id: str
    with_care: bool = False

    @property
    def key(self) -> str:
        """That of the work on all of it."""
        return self.scene_id


@dataclass(slots=True)
class Attempt:
    """What a process knows of the run that it is one of. Without a journal it is the only one.

    ``begun_at`` and ``begun_s``: when the first one began, in ISO 8601 and by the monotonic clock. ``known``:
    of so many deaths of its command it is known what they were.
    """

    journal: Journal | None = None
    output_uri: str = ""
    run_id: str = field(default_factory=new_run_id)
    begun_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    begun_s: float = field(default_factory=time.monotonic)
    deaths: list[Death] = field(default_factory=list)
    known: int = 0
    book: DeathBook = field(default_factory=DeathBook)
    _given_up: set[str] = field(default_factory=set)

    @classmethod
    def at(cls, output_uri: str, journal: Journal | None) -> Attempt:
        """Return the first attempt of a run at an output, or the one that goes on with it."""
        facts = None if journal is None else journal.kept(output_uri)
        if facts is None:
            attempt = cls(journal, output_uri, known=0 if journal is None else len(journal.deaths))
        else:
            deaths = [Death(**death) for death in facts["deaths"]]
            given = {name: facts[name] for name in ("run_id", "begun_at", "begun_s", "known")}
            attempt = cls(journal, output_uri, **given, deaths=deaths, book=DeathBook.of(facts["book"]))
        attempt._keep()
        return attempt

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, all its attempts together."""
        return time.monotonic() - self.begun_s

    def lease(self, store: Store, seconds: float, *, alone: bool) -> Lease:
        """Return the lease of the run; who goes on with one does not leave for who took it in between."""
        goes_on = bool(self.deaths) or (self.journal is not None and len(self.journal.deaths) > self.known)
        patience_s = _LEASES_WAITED * seconds if goes_on else 0.0
        return Lease(store, self.run_id, seconds, alone=alone, patience_s=patience_s)

    def suspects(self, output_uri: str, *, keep: bool = False) -> frozenset[str]:
        """Return the ids of what processes of this machine died of, as far as is known; notes are taken.

        keep: they are left to the next run, all but those that are labelled with the id of this one.
        """
        own = take_left(output_uri, self.run_id) if keep else None
        left = take_left(output_uri, keep=keep)
        new = [] if self.journal is None else self.journal.deaths[self.known :]
        if self.journal is not None and new:
            self.known += len(new)
            *earlier, last = new
            self.deaths += [Death(**death) for death in earlier]
            own = left if own is None else own
            self.deaths.append(Death(**last, reading=sorted(own.reading), computing=sorted(own.computing)))
            self._blame(own)
        return left.reading | left.suspected | self.book.suspects()

    def _blame(self, left: Left) -> None:
        log.warning("the last process of this run died %s", _words(self.deaths[-1]))
        noted = left.reading or left.computing
        before = self.book.suspects()
        if noted:
            self.book.died([_Noted(scene_id) for scene_id in noted], left, _HERE)
        self._keep()
        if self.book.suspects() - before:
            self.progressed()

    def judged(self, take: Take) -> Callable[[], AnyWork | Lost | None]:
        """Return what takes work, and gives it up of which processes died often enough."""

        def taken() -> AnyWork | Lost | None:
            work: Any = take()
            if work is None or work.key in self._given_up or not self.book.is_suspect(work):
                return work  # type: ignore[no-any-return]
            if (lost := self.book.judged(work, {_HERE})) is not None:
                self._given_up.add(work.key)
                return lost
            careful: AnyWork = replace(work, with_care=True)
            return careful

        return taken

    def progressed(self) -> None:
        """Note that something was done for good."""
        if self.journal is not None:
            self.journal.progressed()

    def settled(self, scene_id: str, *, is_done: bool) -> None:
        """Note that a scene, or an area mosaic, is recorded: as done, or in quarantine."""
        self.progressed()
        if is_done and self.book.is_suspect(_Noted(scene_id)):
            self.book.ended(_Noted(scene_id))
            self._keep()

    def rest_of(self, extent: Extent, records: Mapping[str, SceneRecord]) -> Extent:
        """Return what the attempts before this one left of what the run was to take on."""
        if not self.deaths:
            return extent
        columns = RecordColumns.of(records)
        rows = zip(columns.ids, columns.finished_at, columns.versions, strict=True)
        finished = {scene_id: version for scene_id, at, version in rows if at >= self.begun_at}
        # What the archive names and does not have never counted.
        counted = sum(version != MISSING for version in finished.values())
        limit = None if extent.limit is None else max(0, extent.limit - counted)
        return replace(extent, again=extent.again - finished.keys(), limit=limit, finished=finished.keys())

    def facts(self) -> dict[str, Any]:
        """Return what the report says of the deaths of a run."""
        return {"deaths": [asdict(death) for death in self.deaths]} if self.deaths else {}

    def _keep(self) -> None:
        if self.journal is None:
            return
        facts = {name: getattr(self, name) for name in ("run_id", "begun_at", "begun_s", "known")}
        deaths = [asdict(death) for death in self.deaths]
        self.journal.keep(self.output_uri, {**facts, "deaths": deaths, "book": self.book.facts()})


def _words(death: Death) -> str:
    """Return of what, and during what, a process died."""
    during = (("reading", death.reading), ("computing", death.computing))
    what = [f"while it was {doing} {first_of(list(ids))}" for doing, ids in during if ids]
    return f"({death.signal}) {what[0] if what else 'while it was at work on no scene'}"
