"""What a page says: how a run ended in the words of its exit code, and what to do now."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from jobs.cli import build_parser
from jobs.exits import Exit
from sgddiff_batch.io.pages import sections
from sgddiff_batch.io.pages.digest import MOST_TROUBLES, digest_of
from sgddiff_batch.io.reports import DAMAGED
from sgddiff_batch.runs import Ending
from tests.io.pages.page_examples import row

NOTHING = digest_of([], 0)


def facts(ending: str | None = "done", run: dict[str, Any] | None = None, **totals: Any) -> dict[str, Any]:
    return {"run_id": "1", "ending": ending, "run": run or {}, "totals": totals, "seconds": 10.0}


def test_every_ending_is_told_with_the_exit_code_of_the_command():
    assert set(sections.ENDINGS) == {ending.value for ending in Ending}
    for ending in Ending:
        assert sections.ENDINGS[ending.value][0] == Exit[ending.name]
        assert f"Exit code {int(Exit[ending.name])}." in sections.verdict(facts(ending.value))["sentence"]
    assert "does not say" in sections.verdict(facts(None))["sentence"]
    assert "does not say" in sections.verdict({"ending": ["x"]})["sentence"]


def words_of(*rows, **more):
    found = sections.steps(facts(**more), digest_of(rows, 0), "s3://b/out put")
    return [step["words"] for step in found], [step["command"] for step in found if step["command"]]


def test_after_a_good_run_there_is_nothing_to_do():
    assert words_of(row("a")) == (["Nothing."], [])


@pytest.mark.parametrize("ending", ["failed", "interrupted"])
def test_what_is_left_to_do_is_done_by_the_same_command(ending):
    assert "same command" in words_of(row("a", "failed"), ending=ending)[0][0]


@pytest.mark.parametrize(
    "run", [{"withdrawals": {"refused": "9 of 10"}}, {"area": "m", "withdrawals_refused": "9 of 10"}]
)
def test_what_a_run_refused_to_withdraw_is_looked_at_before_all_else(run):
    first, second, *_ = words_of(row("a", "quarantined"), ending="failed", run=run)[0]
    assert first == "Nothing was withdrawn: 9 of 10"
    assert second.startswith("Else run the same command")


def test_a_run_that_was_stopped_need_not_have_been_stopped_by_a_key():
    assert "It was asked to end" in sections.verdict(facts("interrupted"))["sentence"]


def test_every_command_on_the_page_is_one_that_there_is():
    rows = [row("-x.tif", "quarantined"), row("a b.tif", "still quarantined"), row("c", DAMAGED)]
    digest = digest_of(rows, 0)
    _, commands = words_of(*rows, ending="wrong")
    commands += [
        one["command"] for one in sections.troubles(facts(), digest, "s3://b/out put") if one["command"]
    ]
    assert len(commands) == 5
    for line in commands:
        program, verb, *rest = shlex.split(line)
        assert program == "sgddiff"
        options = build_parser([verb]).parse_args([verb, *rest])
        if verb == "quarantine":
            assert options.output == "s3://b/out put"
            assert options.all or options.scenes in (["-x.tif"], ["a b.tif"])


def test_cells_of_an_area_are_tried_again_by_composing_it():
    (shown,) = sections.troubles(facts(run={"area": "m"}), digest_of([row("x1", "quarantined")], 0), "/out")
    assert (shown["command"], shown["again"]) == (None, "when its scenes change, or as said above")
    (command,) = words_of(row("x1", "quarantined"), run={"area": "m"})[1]
    assert build_parser(["compose"]).parse_args(shlex.split(command)[1:]).retry_quarantined


def test_a_scene_with_a_name_that_cannot_be_typed_has_no_command():
    (shown,) = sections.troubles(facts(), digest_of([row("a\nb\x1b[0m", "quarantined")], 0), "/out")
    assert shown["command"] is None
    assert shown["scene"] == "a\\nb\\x1b[0m"


def test_what_is_not_shown_is_counted():
    digest = digest_of([row(str(number), "failed") for number in range(MOST_TROUBLES + 3)], 0)
    assert sections.more_troubles(digest) == ["and 3 more that are failed; the JSON report has all"]


def test_what_is_new_is_counted_with_what_left_and_came_back():
    left = {"withdrawn": {"scenes": 2, "first": ["x.tif", "y.tif"]}, "superseded": {"scenes": 0, "first": []}}
    told = facts(
        run={"why": {"new": 4, "changed": 0}, "withdrawals": left, "listing": {"is_whole": False}},
        states={"done": 4, "unchanged": 90, "quarantined": 1},
    )
    shown = {one["words"]: one["count"] for one in sections.counts(told)}
    assert shown == {
        "made": "4", "new": "4", "unchanged": "90", "quarantined": "1",
        "withdrawn: gone from the archive": "2",
    }  # fmt: skip
    assert "x.tif, y.tif" in sections.changes(told)[0]
    assert "not whole" in sections.changes(told)[1]


def test_the_config_is_told_by_dotted_keys():
    tree = {"config": {"a": {"b": [1], "c": {}}, "d": "é"}, "versions": {"python": "3"}, "run": {}}
    assert [(one["words"], one["rows"]) for one in sections.tables(tree)] == [
        ("Model", [("run key", "?")]),
        ("Versions", [("python", "3")]),
        ("Config", [("a.b", "[1]"), ("a.c", "{}"), ("d", "é")]),
    ]


def test_a_report_without_anything_has_all_sections():
    assert sections.counts({}) == [{"count": "0", "words": "made"}]
    assert (sections.changes({}), sections.troubles({}, NOTHING, "/out")) == ([], [])
