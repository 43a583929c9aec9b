"""What is printed of the status of an output: lines that say it without a manual."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.printing import print_status
from jobs.printing.status import print_status as printed

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
HOLDER = {
    "run_id": "run-7", "life": "at work", "user": "ann", "host": "far", "process": 4,
    "since": "2026-01-01T00:00:00+00:00", "heartbeat_age_s": 12.0,
    "progress": {"done": 12_000, "quarantined": 3, "failed": 1, "left": 90_000, "rate": 2.5},
    "seconds_left": 36_000.0,
}  # fmt: skip
CATALOGUE = {
    "number": 4, "rows": 12_000, "created": "2026-01-02T11:20:00+00:00", "run_id": "run-7", "newest": 4,
}  # fmt: skip
LAST = {
    "run_id": "run-6", "ending": "quarantined", "exit_code": 3, "started_at": "2025-12-31T00:00:00+00:00",
    "seconds": 7200.0, "states": {"done": 10, "quarantined": 1}, "report": "s3://b/out/report-run-6.json",
}  # fmt: skip


def status(**changes: Any) -> dict[str, Any]:
    facts = {"output": "s3://b/out", "at_work": HOLDER, "catalogue": CATALOGUE, "last_run": LAST}
    return {**facts, "areas": []} | changes


def lines(capsys, **changes):
    print_status(status(**changes), NOW)
    return capsys.readouterr().out.splitlines()


def test_a_run_at_work_is_five_lines(capsys):
    assert lines(capsys) == [
        "s3://b/out",
        "  at work    run run-7 of ann on far, process 4, since 2026-01-01T00:00:00+00:00; last heartbeat "
        "12 s ago",
        "  progress   12,000 done, 3 quarantined, 1 failed, 90,000 left; 2.5 a second, about 10.0 h left, "
        "until 2026-01-02T22:00+00:00",
        "  catalogue  generation 4, 12000 mosaics, published 2026-01-02T11:20:00+00:00, 40 min ago",
        "  last run   run-6: quarantined (exit code 3), 2.0 h from 2025-12-31T00:00:00+00:00; 10 done, "
        "1 quarantined; report: s3://b/out/report-run-6.json",
    ]


def test_where_there_is_nothing_it_says_so(capsys):
    assert lines(capsys, at_work=None, catalogue=None, last_run=None) == [
        "s3://b/out",
        "  at work    nobody",
        "  catalogue  nothing was published yet",
        "  last run   none has ended yet",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"life": "silent"}, "it counts as dead if its heart stays silent"),
        ({"life": "gone"}, "its process has ended, and the next run takes over"),
        ({"heartbeat_age_s": None}, "last heartbeat unknown"),
        ({"progress": None, "seconds_left": None}, "not told yet"),
        ({"seconds_left": None}, "none settled in the last minutes, time left unknown"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(capsys, changes, words):
    assert words in "\n".join(lines(capsys, at_work=HOLDER | changes))


def test_a_catalogue_that_was_turned_back_says_from_where(capsys):
    assert lines(capsys, catalogue=CATALOGUE | {"newest": 5})[3].endswith("; turned back from generation 5")
    assert "ago" not in lines(capsys, catalogue=CATALOGUE | {"created": "once"})[3]


def test_a_report_of_a_former_version_has_no_ending(capsys):
    told = lines(capsys, last_run=LAST | {"ending": None, "exit_code": None, "states": {}})[-1]
    assert "run-6: its report does not say how it ended, 2.0 h from" in told
    assert "; no scenes;" in told


def test_areas_follow_with_their_own_lines_and_names_are_printable(capsys):
    area = {**status(at_work=None), "output": "s3://b/out/_areas/\x1b[31m"}
    told = lines(capsys, areas=[area])
    assert len(told) == 5 + 4
    assert "\x1b" not in "".join(told)
    assert printed is print_status
