"""Report: the page of a run's report, made at its end or again later from what is stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sgddiff_batch.core.previews import Preview
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.words import on_one_line, redacted
from sgddiff_batch.errors import SgddiffBatchError
from sgddiff_batch.io.reports import StoredReport, open_report
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.runs.status import AtWork, read_status

log = logging.getLogger(__name__)

_PICTURES_S, _PICTURES_REMOTE_S = 2.0, 10.0
"""So long a run draws at its end, on a disk and over a network; `sgddiff report` draws what is left."""
_AGAIN_S = 600.0

_STOPPED = ("interrupted", "wrong")
"""The endings after which a run makes no page: who breaks it off waits for its end, and not for long."""

_LIVES = {
    "at work": "is at work now; this page is of the run before it",
    "silent": "has not been heard of for longer than its lease lasts, and has left no report",
    "gone": "was killed, and has left no report; run the same command again: it goes on where it stopped",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name beside the reports, and its HTML in UTF-8."""

    name: str
    html: bytes

    def write(self, output_uri: str) -> str:
        """Write it into an output and return its URI.

        Raises:
            ConfigError, RetryableError: as the store does.
        """
        store = open_store(output_uri)
        store.write(self.name, self.html)
        return store.uri_of(self.name)


def report_page(output_uri: str, run_id: str | None = None, access: BucketAccess = OWN) -> Page:
    """Return the page of the report of a run, by default of the one that ended last.

    access: how the buckets of scenes are asked. Of a training's storage it is the page of the training.

    Raises:
        FileNotFoundError: if there is no such report.
        FatalError: if it is damaged.
        ConfigError, RetryableError: as the store does.
    """
    # Here, as below, for what draws is loaded when something is to be drawn.
    from sgddiff_batch.io.pages import page_of

    output = open_store(output_uri)
    try:
        report = open_report(output, run_id)
    except FileNotFoundError:
        if run_id is None and (page := _training_page(output)) is not None:
            return page
        raise
    notes = _notes(output_uri, report) if run_id is None else ()
    return Page(_name(report), page_of(output, report, access=access, seconds=_AGAIN_S, notes=notes))


def _training_page(store: Store) -> Page | None:
    """Return the page of a training's storage, None where there is none of a training."""
    from sgddiff_batch.io.trainings import PAGE_NAME, is_training, training_page_of

    return Page(PAGE_NAME, training_page_of(store)) if is_training(store) else None


def history_page(output_uri: str) -> Page:
    """Return one page over all runs of an output.

    Raises:
        FileNotFoundError: if none has left a report.
        ConfigError, RetryableError: as the store does.
    """
    from sgddiff_batch.io.pages import history_of

    return Page("report-history.html", history_of(open_store(output_uri)))


def write_page_at_end(
    output: Store,
    uri: str,
    report: Mapping[str, Any],
    access: BucketAccess,
    previews: Mapping[str, Preview] = MappingProxyType({}),
) -> str | None:
    """Write the page of a report that was just written, unless its config wants none; log what hinders it.

    Returns where it is, None where there is none. Of a run that was stopped there is none: `sgddiff report`
    makes it. uri: that of the report. previews: what its workers made of scenes, by the path of the mosaic;
    of others that are shown mosaic and scene are read. Nothing that goes wrong here is a fault of the run;
    one that is asked to end meanwhile ends as it has: it is done.
    """
    wanted = report["config"].get("report", {})
    if not wanted.get("html", True) or report["ending"] in _STOPPED:
        return None
    try:
        return _write_page(output, uri, report, access, previews)
    except KeyboardInterrupt:
        log.warning("the report's page is left out, for the run was asked to end: `sgddiff report` makes it")
    except Exception as error:
        log.warning("the report's page could not be written: %s", on_one_line(error) or type(error).__name__)
        log.debug("where the report's page stopped:", exc_info=True)
    return None


def _write_page(
    output: Store,
    uri: str,
    report: Mapping[str, Any],
    access: BucketAccess,
    previews: Mapping[str, Preview],
) -> str:
    from sgddiff_batch.io.pages import page_of

    facts = redacted({name: value for name, value in report.items() if name != "scenes"})
    assert isinstance(facts, dict)
    told = StoredReport(uri, facts, report["scenes"])
    seconds = _PICTURES_REMOTE_S if output.over_network else _PICTURES_S
    html = page_of(output, told, access=access, seconds=seconds, previews=previews)
    output.write(_name(told), html)
    return output.uri_of(_name(told))


def _name(report: StoredReport) -> str:
    return f"report-{report.facts['run_id']}.html"


def _notes(output_uri: str, report: StoredReport) -> tuple[str, ...]:
    """Return what there is to say of a run that began after the one of the report, and has not ended."""
    try:
        holder = read_status(output_uri).at_work
    except (SgddiffBatchError, OSError) as error:
        return (f"Whether a run is at work cannot be told: {on_one_line(error)}",)
    if holder is None or holder.run_id == report.facts.get("run_id"):
        return ()
    return (_words(holder),)


def _words(holder: AtWork) -> str:
    return f"Run {holder.run_id}, begun {holder.since} on {holder.host}, {_LIVES[holder.life]}."
