"""A run as it is shown to people, from its plan to its results."""

from __future__ import annotations

import json
from pathlib import Path

from jobs.printing import PrintedRun
from jobs.printing.progress import RunProgress
from sgddiff_batch.config import load_config
from sgddiff_batch.runs import Ending, leased_bench, run_all
from tests.kit import jobs
from tests.kit.networks import BrightNetwork


def test_a_run_prints_its_plan_and_then_its_results(tmp_path, capsys):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 60, 70, 1)
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", Path("/nowhere"))
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        assert run_all(bench, PrintedRun()) is Ending.DONE
    said = capsys.readouterr().out
    plan, results = said.index("scenes to do"), said.index("1 scene in ")
    assert plan < results < said.index("report: ")


def test_what_is_kept_for_json_is_what_the_tables_say_and_nothing_is_printed(tmp_path, capsys):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 60, 70, 1)
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", Path("/nowhere"))
    view = PrintedRun(prints=False, keeps=True)
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        assert run_all(bench, view) is Ending.DONE
    assert capsys.readouterr().out == ""
    facts = json.loads(json.dumps(view.facts))
    assert (facts["plan"]["scenes"]["scenes_to_do"], facts["plan"]["scenes"]["new"]) == (1, 1)
    assert facts["plan"]["work"]["tiles"] == facts["totals"]["tiles"] > 0
    assert facts["plan"]["work"]["estimated_seconds"] is None, "no run has computed anything here yet"
    assert facts["plan"]["listing"]["is_whole"] is True
    assert json.loads(Path(facts["report"]).read_text())["totals"] == facts["totals"]


def test_nothing_is_kept_unless_asked(tmp_path):
    assert PrintedRun().facts == {}


def test_progress_counts_the_scenes_and_tiles_of_the_run():
    with PrintedRun().progress(3, 9) as progress:
        assert isinstance(progress, RunProgress)
        assert progress.line().startswith("0/3 scenes, 0/9 tiles")
