"""How commands end: the codes are a contract, and an error is one line that anybody's terminal can show."""

from __future__ import annotations

import pytest

from jobs.exits import Exit, MistakesError, gravest, guarded, guarded_apart, tell
from sgddiff_batch.errors import ConfigError, FatalError, LeaseHeldError, RetryableError, SceneError

CODES = {
    "DONE": 0,
    "FAILED": 1,
    "WRONG": 2,
    "QUARANTINED": 3,
    "HELD": 4,
    "DAMAGED": 5,
    "INTERRUPTED": 130,
}


def stopped_by(error):
    def work():
        raise error

    return work


def test_the_exit_codes_are_these():
    assert {code.name: code.value for code in Exit} == CODES


@pytest.mark.parametrize("code", list(Exit))
def test_work_that_nothing_stops_ends_with_its_own_code(code, capsys):
    assert guarded("gc", lambda: code) is code
    assert guarded_apart("compose", "monthly", lambda: code) is code
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LeaseHeldError("a run is at work"), 4),
        (ConfigError("engine.kind: is wrong"), 2),
        (FileNotFoundError("there is no mosaic"), 2),
        (ValueError("no number"), 2),
        (RetryableError("the store is slow"), 1),
        (SceneError("the scene is bad"), 1),
        (FatalError("damage"), 1),
        (OSError("no space left"), 1),
        (KeyError("a mistake of ours"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_is_one_line_and_its_code(error, code, capsys):
    assert guarded("gc", stopped_by(error)) == code
    said = capsys.readouterr()
    assert said.err.startswith("sgddiff gc: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_an_error_shows_no_bytes_that_a_terminal_would_obey(capsys):
    guarded("gc", stopped_by(ConfigError("a\x1b[2J\nb")))
    assert capsys.readouterr().err == "sgddiff gc: a\\x1b[2J b\n"


def test_an_error_without_words_is_told_by_its_name(capsys):
    assert tell("gc", RuntimeError(), Exit.FAILED) is Exit.FAILED
    assert capsys.readouterr().err == "sgddiff gc: RuntimeError\n"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (LeaseHeldError("another run is at work"), Exit.HELD, "another run is at work"),
        (ConfigError("model.device: wrong"), Exit.WRONG, "model.device: wrong"),
        (FatalError("the lease was lost"), Exit.FAILED, "the lease was lost"),
        (RetryableError("no answer"), Exit.FAILED, "no answer"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "interrupted; run the same command again to go on"),
        (ValueError("of all\n things"), Exit.FAILED, "ValueError: of all things"),
        (FileNotFoundError("it is gone"), Exit.FAILED, "it is gone"),
    ],
)
def test_in_a_job_of_hours_what_nobody_foresaw_is_no_mistake_of_the_command(error, code, words, capsys):
    assert guarded("run", stopped_by(error), ()) is code
    assert capsys.readouterr().err == f"sgddiff run: {words}\n"


def test_mistakes_keep_a_line_each(capsys):
    assert guarded("train", stopped_by(MistakesError(["2 mistakes:", "  a\x1b", "  b"])), ()) is Exit.WRONG
    assert capsys.readouterr().err == "sgddiff train: 2 mistakes:\n  a\\x1b\n  b\n"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (LeaseHeldError("another run is at work"), Exit.HELD, "monthly: another run is at work"),
        (FatalError("the lease was lost"), Exit.FAILED, "monthly: the lease was lost"),
        (RetryableError("no answer"), Exit.FAILED, "monthly: no answer"),
    ],
)
def test_what_stops_a_part_of_a_night_is_told_by_its_name_and_stops_no_other(error, code, words, capsys):
    assert guarded_apart("compose", "monthly", stopped_by(error)) is code
    assert capsys.readouterr().err == f"sgddiff compose: {words}\n"


@pytest.mark.parametrize(
    "error", [ConfigError("areas: wrong"), KeyboardInterrupt(), ValueError("unforeseen")]
)
def test_what_is_a_matter_of_all_parts_passes(error):
    with pytest.raises(type(error)):
        guarded_apart("compose", "monthly", stopped_by(error))


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ({Exit.DONE}, Exit.DONE),
        ({Exit.DONE, Exit.QUARANTINED}, Exit.QUARANTINED),
        ({Exit.HELD, Exit.QUARANTINED}, Exit.HELD),
        ({*Exit} - {Exit.WRONG, Exit.DAMAGED, Exit.INTERRUPTED}, Exit.FAILED),
    ],
)
def test_of_several_parts_the_gravest_code_is_told(codes, code):
    assert gravest(codes) is code
