"""The door of clusters to `sgddiff train`: the same words, the same codes, from a bare checkout too."""

from __future__ import annotations

import pytest

from jobs import train_distill
from jobs.exits import Exit
from tests.kit import jobs

DOOR = "jobs/train_distill.py"


def test_the_door_calls_the_verb_of_the_checkout_that_it_lies_in(tmp_path):
    said = jobs.ask_door(DOOR, tmp_path, "--config", "x.yaml", "--check")
    assert said == (3, "['train', '--config', 'x.yaml', '--check']\n")


def test_the_words_of_a_call_from_python_are_those_of_the_command(tmp_path, capsys):
    assert train_distill.main(["--config", str(tmp_path / "none.yaml")]) == Exit.WRONG
    assert capsys.readouterr().err.startswith("sgddiff train: ")


def test_its_help_is_that_of_the_verb(capsys):
    with pytest.raises(SystemExit, match="0"):
        train_distill.main(["--help"])
    assert "usage: sgddiff train" in capsys.readouterr().out
