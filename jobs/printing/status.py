"""What is printed of the status of an output: a few lines, for it and for each of its areas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.printing.plan import duration
from sgddiff_batch.core.words import counted, printable

Facts = Mapping[str, Any]

_LIVES = {
    "at work": "",
    "silent": "; it counts as dead if its heart stays silent, and the next run takes over",
    "gone": "; its process has ended, and the next run takes over",
}


def print_status(facts: Facts, now: datetime | None = None) -> None:
    """Print what ``sgddiff status --json`` says; ages and ends are told by ``now``."""
    now = now or datetime.now(UTC)
    for one in (facts, *facts["areas"]):
        print(printable(one["output"]))
        for what, line in _lines(one, now):
            print(f"  {what:<11}{printable(line)}")


def _lines(facts: Facts, now: datetime) -> Iterator[tuple[str, str]]:
    yield "at work", _holder(facts["at_work"])
    if facts["at_work"] is not None:
        yield "progress", _progress(facts["at_work"], now)
    yield "catalogue", _catalogue(facts["catalogue"], now)
    yield "last run", _last_run(facts["last_run"])


def _holder(holder: Facts | None) -> str:
    if holder is None:
        return "nobody"
    age_s = holder["heartbeat_age_s"]
    beat = "unknown" if age_s is None else f"{duration(age_s)} ago"
    return (
        f"run {holder['run_id']} of {holder['user']} on {holder['host']}, process {holder['process']}, since "
        f"{holder['since']}; last heartbeat {beat}{_LIVES[holder['life']]}"
    )


def _progress(holder: Facts, now: datetime) -> str:
    told, seconds = holder["progress"], holder["seconds_left"]
    if told is None:
        return "not told yet: it plans, or does no scenes"
    counts = ", ".join(f"{told[name]:,} {name}" for name in ("done", "quarantined", "failed", "left"))
    if seconds is None:
        return f"{counts}; none settled in the last minutes, time left unknown"
    ends = (now + timedelta(seconds=seconds)).isoformat(timespec="minutes")
    return f"{counts}; {told['rate']:.3g} a second, about {duration(seconds)} left, until {ends}"


def _catalogue(catalogue: Facts | None, now: datetime) -> str:
    if catalogue is None:
        return "nothing was published yet"
    words = f"generation {catalogue['number']}, {counted(catalogue['rows'], 'mosaic')}, published "
    words += f"{catalogue['created']}{_age(catalogue['created'], now)}"
    turned_back = catalogue["newest"] != catalogue["number"]
    return f"{words}; turned back from generation {catalogue['newest']}" if turned_back else words


def _age(created: str, now: datetime) -> str:
    try:
        seconds = (now - datetime.fromisoformat(created)).total_seconds()
    except (ValueError, TypeError):
        return ""
    return f", {duration(max(0.0, seconds))} ago"


def _last_run(last: Facts | None) -> str:
    if last is None:
        return "none has ended yet"
    code = last["exit_code"]
    ending = "its report does not say how it ended" if last["ending"] is None else str(last["ending"])
    words = ending if code is None else f"{ending} (exit code {code})"
    states = ", ".join(f"{count:,} {state}" for state, count in last["states"].items()) or "no scenes"
    took = duration(last["seconds"])
    return f"{last['run_id']}: {words}, {took} from {last['started_at']}; {states}; report: {last['report']}"
