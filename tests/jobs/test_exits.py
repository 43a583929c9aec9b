"""How commands end: the codes are a contract, and an error is one line that anybody's terminal can show."""

from __future__ import annotations

import pytest

from jobs.exits import Exit, gravest, guarded, logged, logged_apart, tell
from sgddiff_batch.errors import ConfigError, FatalError, LeaseHeldError, RetryableError, SceneError
from tests.kit.logs import enable_our_loggers

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


@pytest.mark.parametrize("door", [lambda work: guarded("gc", work), logged])
@pytest.mark.parametrize("code", list(Exit))
def test_work_that_nothing_stops_ends_with_its_own_code(door, code, capsys):
    assert door(lambda: code) is code
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
    assert said.err.startswith("gc: ")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_an_error_shows_no_bytes_that_a_terminal_would_obey(capsys):
    guarded("gc", stopped_by(ConfigError("a\x1b[2J\nb")))
    assert capsys.readouterr().err == "gc: a\\x1b[2J b\n"


def test_an_error_without_words_is_told_by_its_name(capsys):
    assert tell("gc", RuntimeError(), Exit.FAILED) is Exit.FAILED
    assert capsys.readouterr().err == "gc: RuntimeError\n"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (LeaseHeldError("another run is at work"), Exit.HELD, "another run is at work"),
        (ConfigError("model.device: wrong"), Exit.WRONG, "model.device: wrong"),
        (FatalError("the lease was lost"), Exit.FAILED, "the run stopped: the lease was lost"),
        (RetryableError("no answer"), Exit.FAILED, "the run stopped: no answer"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "interrupted; run the same command again to go on"),
        (ValueError("of all\n things"), Exit.FAILED, "the run stopped: ValueError: of all things"),
        (FileNotFoundError("it is gone"), Exit.FAILED, "the run stopped: FileNotFoundError: it is gone"),
    ],
)
def test_what_stops_a_night_is_one_line_of_its_log_and_a_code(error, code, words, caplog):
    enable_our_loggers()
    assert logged(stopped_by(error)) is code
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [words]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (LeaseHeldError("another run is at work"), Exit.HELD, "monthly: another run is at work"),
        (FatalError("the lease was lost"), Exit.FAILED, "monthly: the run stopped: the lease was lost"),
        (RetryableError("no answer"), Exit.FAILED, "monthly: the run stopped: no answer"),
    ],
)
def test_what_stops_a_part_of_a_night_is_told_by_its_name_and_stops_no_other(error, code, words, caplog):
    enable_our_loggers()
    assert logged_apart("monthly", stopped_by(error)) is code
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [words]


@pytest.mark.parametrize(
    "error", [ConfigError("areas: wrong"), KeyboardInterrupt(), ValueError("unforeseen")]
)
def test_what_is_a_matter_of_all_parts_passes(error):
    with pytest.raises(type(error)):
        logged_apart("monthly", stopped_by(error))


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
