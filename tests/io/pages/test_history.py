"""One page over all runs: each with how it ended, the newest first, a link where there is a page."""

from __future__ import annotations

import pytest

from sgddiff_batch.io.pages import history, history_of
from sgddiff_batch.io.reports import build_report, write_report
from sgddiff_batch.io.storage import open_store
from tests.io.pages.page_examples import row
from tests.kit.pages import seen


def put(store, run_id, ending="done", **more):
    report = build_report(
        run_id, started_at="2026-01-02T03:04:05+00:00", seconds=90.0, ending=ending, config={}, run={},
        scenes=[row("a", salient_px=int(run_id)), row("b", "failed")], ignored=[],
    )  # fmt: skip
    write_report(store, report | more)


def test_runs_are_told_newest_first_with_their_endings_and_links_to_pages_that_are_there(tmp_path):
    store = open_store(str(tmp_path))
    for number, ending in enumerate(("done", "failed", "quarantined"), 1):
        put(store, str(number), ending)
    put(store, "4", "<b>odd</b>", totals={})
    store.write("report-2.html", b"a page")
    page = seen(history_of(store))
    assert (page.wrong, page.reaching_out()) == ([], [])
    assert [link["href"] for link in page.all("a")] == ["report-2.html"]
    places = [page.text.index(f"\n{number}2026-01-02 03:04 UTC") for number in (4, 3, 2, 1)]
    assert places == sorted(places)
    assert "quarantined32 min1001 failed40.3 %17 %" in page.text
    assert "<b>odd</b>" in page.text
    assert "4 runs of" in page.text


def test_of_very_many_runs_the_last_ones_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "MOST_RUNS", 2)
    store = open_store(str(tmp_path))
    for number in range(1, 5):
        put(store, str(number))
    text = seen(history_of(store)).text
    assert "of more runs the last 2 are shown" in text
    assert text.count("2026-01-02 03:04 UTC") == 2


def test_an_output_without_reports_has_no_history(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no report"):
        history_of(open_store(str(tmp_path)))
