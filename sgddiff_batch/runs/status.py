"""Status: who is at work on an output and how far, what readers see of it, and how its last run ended.

It is read from a few objects, whatever the archive: the lease, the pointer, the head of the newest report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sgddiff_batch.core.generations import Pointer
from sgddiff_batch.core.leasing import LeaseState
from sgddiff_batch.core.progress import Progress
from sgddiff_batch.io.catalogue import instant, read_pointer
from sgddiff_batch.io.ledger import beat_s, is_dead, parsed_lease, read_lease
from sgddiff_batch.io.reports import read_last
from sgddiff_batch.io.storage import Store, open_store

Life = Literal["at work", "silent", "gone"]


@dataclass(frozen=True, slots=True)
class AtWork:
    """Whoever holds the lease of an output, as it last said.

    ``life``: at work; silent: no heartbeat for longer than the lease lasts, or the clocks of the store and of
    this machine differ by that much; gone: its process was one of this machine, and has ended. The next run
    takes over from both of these. ``process`` is its number on ``host``, ``since`` ISO 8601 by the holder's
    clock, ``heartbeat_age_s`` None where nobody knows. ``progress`` is None while it plans, and of whoever
    does not tell.
    """

    run_id: str
    life: Life
    user: str
    host: str
    process: int | str
    since: str
    heartbeat_age_s: float | None
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that ended last and wrote a report: ``ending`` is None of a version that did not say.

    ``states`` are scenes by what became of them, ``started_at`` is ISO 8601, ``report`` a URI.
    """

    run_id: str
    ending: str | None
    started_at: str
    seconds: float
    states: Mapping[str, int]
    report: str


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """What there is to say of an output: nobody may be at work, nothing published, no run ended."""

    output: str
    at_work: AtWork | None
    catalogue: Pointer | None
    last_run: LastRun | None


def read_status(output_uri: str, now: datetime | None = None) -> OutputStatus:
    """Return the status of an output, at a time (by default now) by which ages are told.

    Raises:
        FileNotFoundError: if no run has ever written there.
        FatalError: if the lease, the pointer or the report is damaged.
        ConfigError, RetryableError: as the store does.
    """
    store = open_store(output_uri)
    found, pointer, last = read_lease(store), read_pointer(store), read_last(store)
    if found is None and pointer is None and last is None:
        raise FileNotFoundError(
            f"{output_uri!r} has neither a lease nor a catalogue nor a report: give the output.uri of a run"
        )
    state = None if found is None else parsed_lease(store, found.data)
    at_work = None if state is None or state.released else _at_work(store, state, now or datetime.now(UTC))
    return OutputStatus(store.uri, at_work, pointer, None if last is None else _last_run(last))


def _at_work(store: Store, state: LeaseState, now: datetime) -> AtWork:
    age_s = _age_s(store, state, now)
    life: Life = "silent" if age_s is not None and age_s > state.seconds else "at work"
    owner = state.owner
    return AtWork(
        state.run_id,
        "gone" if is_dead(state) else life,
        str(owner.get("user", "?")),
        str(owner.get("host", "?")),
        owner.get("pid", "?"),
        state.started_at,
        age_s,
        state.progress,
    )


def _age_s(store: Store, state: LeaseState, now: datetime) -> float | None:
    """Return how old the last heartbeat is: by the clock of the store, else by the holder's.

    Clocks need not agree, and this decides nothing; who wants the lease watches it instead.
    """
    written_s = beat_s(store)
    if written_s is None:
        beat = instant(state.beat_at)
        written_s = None if beat is None else beat.timestamp()
    return None if written_s is None else max(0.0, now.timestamp() - written_s)


def _last_run(head: Mapping[str, object]) -> LastRun:
    totals, ending, seconds = head.get("totals"), head.get("ending"), head.get("seconds")
    states = totals.get("states") if isinstance(totals, Mapping) else None
    return LastRun(
        str(head.get("run_id", "?")),
        ending if isinstance(ending, str) else None,
        str(head.get("started_at", "?")),
        seconds if isinstance(seconds, (int, float)) else 0.0,
        dict(states) if isinstance(states, Mapping) else {},
        str(head["report"]),
    )
