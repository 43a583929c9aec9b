"""A run is shown among those before it: at most so many, and none where they cannot be read."""

from __future__ import annotations

import pytest

from sgddiff_batch.core.run_measures import AlarmLimits, measures_of
from sgddiff_batch.io.pages.comparing import compared, runs_before
from sgddiff_batch.io.reports import build_report, write_report
from sgddiff_batch.io.storage import open_store
from tests.io.pages.page_examples import row
from tests.kit.faulty import StoreFault
from tests.kit.scripted import scripted, scripted_uri


@pytest.fixture
def output(tmp_path):
    store = open_store(str(tmp_path / "out"))
    for number in range(5):
        rows = [row(f"{n}", salient_px=number) for n in range(25)]
        report = build_report(
            f"{number}",
            started_at="now",
            seconds=1.0,
            ending="done",
            config={},
            run={},
            scenes=rows,
            ignored=[],
        )
        write_report(store, report)
    return store


def test_the_last_runs_before_are_read_by_their_beginnings(output):
    with scripted() as script:
        runs = runs_before(open_store(scripted_uri(output.root)), "4", 3)
    assert [run.run_id for run in runs] == ["1", "2", "3"]
    assert [run.salient for run in runs] == [0.001, 0.002, 0.003]
    assert script.calls.total() == 4, "one listing, and a part of each"
    assert runs_before(output, "4", 0) == []


def test_a_store_that_fails_leaves_nothing_to_compare_with(output, caplog):
    with scripted(StoreFault("*", "*report-2*", None)):
        assert runs_before(open_store(scripted_uri(output.root)), "4", 3) == []
    assert "could not be read" in caplog.text


def test_the_section_says_with_how_many_runs_it_compares(output):
    before = runs_before(output, "4", 30)
    told = compared(before[-1], before[:-1], AlarmLimits())
    assert told["compared"] == "3 runs before"
    assert "3 runs before" in told["no_alarm"]
    assert told["chart"].count("<rect") == 20
    assert [trend["now"] for trend in told["trends"]][:2] == ["0.3 %", "17 %"]
    alone = compared(before[0], [], AlarmLimits())
    assert "no run before" in alone["no_alarm"]
    assert compared(measures_of({}), [], AlarmLimits())["chart"] == ""
