"""The console of all tables: as wide as they need where nobody looks on, and words as they are."""

from __future__ import annotations

import ast
import io
from contextlib import redirect_stdout

import pytest
from rich.table import Table

from jobs.console import console
from tests.kit.jobs import ROOT


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("given", "width"), [((), 160), ((200,), 200)])
def test_without_a_terminal_it_is_as_wide_as_tables_need(given, width):
    with redirect_stdout(io.StringIO()):
        assert console(*given).width == width


def test_on_a_terminal_it_is_as_wide_as_that(monkeypatch):
    monkeypatch.setenv("COLUMNS", "77")
    with redirect_stdout(Terminal()):
        assert console(200).width == 77


def test_it_writes_to_the_standard_output_of_now(capsys):
    console().print("once")
    assert capsys.readouterr().out == "once\n"


def test_colons_around_a_word_stay_a_word(capsys):
    table = Table("scene")
    table.add_row("urn:x:1")
    console().print(table, markup=False)
    console().print("urn:cat:1", markup=False)
    said = capsys.readouterr().out
    assert "urn:x:1" in said
    assert "urn:cat:1" in said


def test_nobody_else_makes_one_of_standard_output():
    made = {
        path.name
        for path in (ROOT / "jobs").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Console"
        if "stderr" not in [word.arg for word in node.keywords]
    }
    assert made == {"console.py"}
