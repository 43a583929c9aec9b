"""What is wrong in a command line is told by the verb, with its usage and the flag that was meant."""

from __future__ import annotations

import pytest

from jobs.cli import VERBS, build_parser, main
from jobs.exits import Exit
from jobs.parser import Parser, taken_by_json

REQUIRED = {
    "run": ["--config", "x"],
    "compose": ["--config", "x"],
    "train": ["--config", "x"],
    "explain": ["m.zarr", "1", "2"],
    "quarantine": ["list", "out"],
    "catalogue": ["show", "out"],
    "export": ["cog", "m.zarr", "a.tif"],
    "completion": ["bash"],
}


def refused(capsys, *words):
    """The usage of a wrong command, and the line that says what is wrong."""
    with pytest.raises(SystemExit) as end:
        build_parser([words[0]]).parse_args(words)
    assert end.value.code == Exit.WRONG
    said = capsys.readouterr()
    assert said.out == ""
    usage, _, line = said.err.rstrip().rpartition("\n")
    return usage, line


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_flag_is_told_by_its_verb_with_the_verbs_usage(verb, capsys):
    usage, line = refused(capsys, verb, *REQUIRED.get(verb, []), "--zzz")
    assert usage.startswith(f"usage: sgddiff {verb}")
    assert line.startswith(f"sgddiff {verb}")
    assert line.endswith(": unknown: --zzz")


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["run", "--config", "x", "--dryrun"], "--dry-run"),
        (["gc", "out", "--deleet"], "--delete"),
        (["catalogue", "show", "out", "--generatoin=3"], "--generation"),
    ],
)
def test_the_flag_that_is_spelled_alike_is_named(words, near, capsys):
    assert refused(capsys, *words)[1].endswith(f"; did you mean {near}?")


def test_a_word_too_many_is_told_by_the_verb(capsys):
    assert refused(capsys, "gc", "out", "more")[1] == "sgddiff gc: unknown: more"


def test_a_value_that_is_refused_is_told_with_the_same_prefix(capsys):
    line = refused(capsys, "gc", "out", "--older-than", "soon")[1]
    assert line == "sgddiff gc: argument --older-than: must be 0 or more hours, got 'soon'"


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["--json", "out"], "out"),
        (["--json=out"], None),
        (["out", "--json"], None),
        (["--json", "--delete"], None),
        ([], None),
    ],
)
def test_json_takes_the_word_after_it(words, taken):
    assert taken_by_json(words) == taken


TOOK = "--json took 'out' as its file; write --json=FILE, or put it last"


@pytest.mark.parametrize(
    "words",
    [
        ["gc", "--json", "out"],
        ["verify", "--json", "out"],
        ["catalogue", "show", "--json", "out"],
        ["catalogue", "generations", "--json", "out"],
        ["quarantine", "list", "--json", "out"],
        ["explain", "--json", "out", "3", "4"],
    ],
)
def test_the_word_that_json_took_is_named_where_it_is_missing(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == Exit.WRONG
    line = capsys.readouterr().err
    assert line.startswith(f"sgddiff {words[0]}: give ")
    assert TOOK in line
    assert list(tmp_path.iterdir()) == []


def test_it_is_named_also_where_a_word_is_required(capsys):
    line = refused(capsys, "explain", "--json", "out", "--xy", "1", "2")[1]
    assert "required: MOSAIC" in line
    assert TOOK in line


@pytest.mark.parametrize("words", [["gc"], ["gc", "--json"], ["gc", "--json=a.json"]])
def test_json_is_not_blamed_for_what_it_did_not_take(words, capsys):
    assert main(words) == Exit.WRONG
    assert "took" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "json", "output"),
    [
        (["out", "--json"], "-", "out"),
        (["out", "--json", "a.json"], "a.json", "out"),
        (["--json=a.json", "out"], "a.json", "out"),
    ],
)
def test_both_forms_of_json_are_taken(words, json, output):
    options = build_parser(["gc"]).parse_args(["gc", *words])
    assert (options.json, options.output) == (json, output)


def test_a_flag_of_the_command_itself_is_left_to_it(capsys):
    with pytest.raises(SystemExit):
        build_parser(["gc"]).parse_args(["--zzz", "gc", "out"])
    assert "sgddiff: unrecognized arguments: --zzz" in capsys.readouterr().err
    assert isinstance(build_parser([]), Parser)
