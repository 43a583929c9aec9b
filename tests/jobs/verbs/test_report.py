"""`sgddiff report`: the page goes where it is asked for, and the command says where that is."""

from __future__ import annotations

import pytest

from jobs.cli import main
from jobs.exits import Exit
from tests.io.pages.page_examples import made_output
from tests.io.trainings.training_examples import left_by_a_training
from tests.kit import jobs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_output(tmp_path_factory.mktemp("report"))


@pytest.fixture
def run_id(made):
    (report,) = jobs.reports(made)
    return report["run_id"]


def test_the_page_lies_beside_its_report(made, run_id, capsys):
    assert main(["report", str(made)]) == Exit.DONE
    assert capsys.readouterr().out == f"{made}/report-{run_id}.html\n"
    assert (made / f"report-{run_id}.html").read_bytes().startswith(b"<!doctype html>")


def test_a_file_is_written_in_its_place_and_the_output_stays_as_it_is(made, run_id, tmp_path, capsys):
    before = sorted(made.iterdir())
    file, config = tmp_path / "page.html", made.parent / "run.yaml"
    assert main(["report", "--config", str(config), "--run", run_id, "--file", str(file)]) == Exit.DONE
    assert capsys.readouterr().out == f"{file}\n"
    assert file.read_bytes().startswith(b"<!doctype html>")
    assert sorted(made.iterdir()) == before


@pytest.mark.parametrize("words", [[], ["--run", "20260101T000000Z-0000"], ["--run", "../x"]])
def test_a_report_that_is_not_there_is_a_mistake_in_the_command(tmp_path, words, capsys):
    assert main(["report", str(tmp_path), *words]) == Exit.WRONG
    assert capsys.readouterr().err.startswith("sgddiff report: ")


def test_a_history_is_one_page_over_all_runs(made, run_id, capsys):
    assert main(["report", str(made), "--history"]) == Exit.DONE
    assert capsys.readouterr().out == f"{made}/report-history.html\n"
    assert run_id in (made / "report-history.html").read_text()
    assert main(["report", str(made), "--history", "--run", run_id]) == Exit.WRONG
    assert "give one of them" in capsys.readouterr().err


def test_of_a_training_the_page_is_that_of_the_training(tmp_path, capsys):
    storage = left_by_a_training(tmp_path / "runs")
    assert main(["report", str(storage)]) == Exit.DONE
    assert capsys.readouterr().out == f"{storage}/report-training.html\n"
    assert "seed-0, teacher" in (storage / "report-training.html").read_text()
    assert main(["report", str(storage), "--history"]) == Exit.WRONG
    assert main(["report", str(storage), "--run", "x"]) == Exit.WRONG
