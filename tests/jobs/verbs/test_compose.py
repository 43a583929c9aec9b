"""`sgddiff compose`: what hinders one area hinders no other, and the gravest code is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from jobs.cli import build_parser, main
from jobs.exits import Exit
from sgddiff_batch.io.ledger import Lease, ObjectLedger
from sgddiff_batch.io.storage import open_store
from tests.io.area_examples import publish_scenes, put_scene, smooth
from tests.kit.logs import enable_our_loggers

AREA = {"crs": "EPSG:32633", "resolution": 10, "cell_px": 80, "block_px": 512, "workers": 1}


@pytest.fixture
def output(tmp_path):
    """An output with the mosaic of one scene, and a config of two areas in the folder around it."""
    store = open_store(str(tmp_path / "out"))
    put_scene(store, "a.tif", smooth(80, 80, hole=False))
    publish_scenes(store, {"a.tif": "2026-01-05"})
    write_config(tmp_path, "monthly", "yearly")
    return store


def write_config(folder, *names):
    areas = [{**AREA, "name": name, "period": name.removesuffix("ly")} for name in names]
    tree = {"archive": {"uri": "/in"}, "output": {"uri": str(folder / "out")}, "lease": {"seconds": 5}}
    (folder / "run.yaml").write_text(yaml.safe_dump({**tree, "areas": areas}))


@pytest.fixture
def compose(tmp_path, caplog):
    """Run the verb; returns its code. What it logs is kept."""
    enable_our_loggers()
    caplog.set_level("INFO")
    return lambda *words: main(["compose", "--config", str(tmp_path / "run.yaml"), *words])


def composed(output, name):
    ledger = ObjectLedger(open_store(f"{output.uri}/_areas/{name}"))
    return len(ledger.records().keys() - ledger.withdrawn().keys())


def test_all_areas_are_composed_or_those_that_are_named(output, compose):
    assert compose("--area", "yearly") == Exit.DONE
    assert (composed(output, "monthly"), composed(output, "yearly") > 0) == (0, True)
    assert compose() == Exit.DONE
    assert composed(output, "monthly") > 0


def test_a_dry_run_prints_the_plan_and_changes_nothing(output, compose, capsys):
    before = output.keys()
    assert compose("--dry-run") == Exit.DONE
    said = capsys.readouterr().out
    assert "area monthly" in said
    assert "area yearly" in said
    assert output.keys() == before


def test_as_json_there_is_what_each_area_came_to_and_nothing_else(output, compose, capsys):
    assert compose("--dry-run", "--json") == Exit.DONE
    planned = json.loads(capsys.readouterr().out)
    assert [(area["area"], area["plan"]["to_compose"] > 0) for area in planned["areas"]] == [
        ("monthly", True),
        ("yearly", True),
    ]
    assert "report" not in planned["areas"][0]
    assert compose("--area", "yearly", "--json") == Exit.DONE
    tree = json.loads(capsys.readouterr().out)
    (area,) = tree["areas"]
    assert (tree["exit_code"], area["exit_code"]) == (0, 0)
    assert json.loads(Path(area["report"]).read_text())["totals"] == area["totals"]
    assert compose("--withdraw-area", "old", "--json") == Exit.WRONG


def test_an_area_that_another_run_holds_is_left_alone_and_the_others_are_composed(output, compose, capsys):
    with Lease(open_store(f"{output.uri}/_areas/monthly"), "another", 5.0):
        assert compose() == Exit.HELD
    said = capsys.readouterr()
    assert said.err.startswith("sgddiff compose: monthly: ")
    assert said.out.count("\nreport: ") == 1
    assert (composed(output, "monthly"), composed(output, "yearly") > 0) == (0, True)


def test_a_wrong_crs_is_found_before_any_area_is_composed(output, compose, tmp_path, capsys):
    tree = yaml.safe_load((tmp_path / "run.yaml").read_text())
    tree["areas"][1]["crs"] = "EPSG:0"
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(tree))
    assert compose() == Exit.WRONG
    assert "'EPSG:0' is no CRS" in capsys.readouterr().err
    assert composed(output, "monthly") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--area", "typo"], "--area typo: the config has no such area; it has monthly, yearly"),
        (["--withdraw-area", "monthly"], "--withdraw-area monthly: the config has that area"),
    ],
)
def test_an_area_that_is_not_meant_is_refused(output, compose, capsys, words, said):
    assert compose(*words) == Exit.WRONG
    assert said in capsys.readouterr().err


def test_without_areas_there_is_nothing_to_compose(output, compose, tmp_path, capsys):
    write_config(tmp_path)
    assert compose() == Exit.WRONG
    assert "areas: the config has none" in capsys.readouterr().err


def test_a_former_area_leaves_its_catalogue_and_nothing_is_composed(output, compose, tmp_path):
    assert compose("--area", "monthly") == Exit.DONE
    write_config(tmp_path, "yearly")
    assert compose("--withdraw-area", "monthly", "--withdraw-area", "monthly") == Exit.DONE
    assert (composed(output, "monthly"), composed(output, "yearly")) == (0, 0)


def test_to_compose_and_to_withdraw_are_two_commands(capsys):
    words = ["compose", "--config", "x", "--area", "a", "--withdraw-area", "b"]
    with pytest.raises(SystemExit) as end:
        build_parser(["compose"]).parse_args(words)
    assert end.value.code == Exit.WRONG
    assert "not allowed with" in capsys.readouterr().err
