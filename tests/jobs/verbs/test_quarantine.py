"""`sgddiff quarantine`: what is in it is listed and shown, and marked for the next run when somebody asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.cli import main
from jobs.exits import Exit
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.protocols import SceneRecord


@pytest.fixture
def output(tmp_path):
    """An output with two scenes in quarantine and a sound one."""
    ledger = ObjectLedger(open_store(str(tmp_path / "out")))
    for scene_id, reason in (("new.tif", "torn"), ("old.tif", "no bands"), ("sound.tif", None)):
        ledger.finish(SceneRecord(scene_id, "v", "k", None, reason))
    return str(tmp_path / "out")


def listed(output, capsys):
    capsys.readouterr()
    assert main(["quarantine", "list", output, "--json"]) == Exit.DONE
    return {row["scene_id"]: row for row in json.loads(capsys.readouterr().out)}


def test_the_list_is_a_table_or_json_and_json_in_a_file_besides(output, capsys, tmp_path):
    rows = listed(output, capsys)
    assert {scene_id: row["reason"] for scene_id, row in rows.items()} == {
        "new.tif": "torn", "old.tif": "no bands",
    }  # fmt: skip
    assert main(["quarantine", "list", output, f"--json={tmp_path / 'q.json'}"]) == Exit.DONE
    assert "2 scenes in quarantine" in capsys.readouterr().out
    assert json.loads((tmp_path / "q.json").read_text()) == list(rows.values())


def test_one_is_shown_whole(output, capsys):
    assert main(["quarantine", "show", "new.tif", "--output", output]) == Exit.DONE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["scene_id"], facts["reason"], facts["version"]) == ("new.tif", "torn", "v")
    assert main(["quarantine", "show", "new.tif", "--output", output, "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == facts
    file = f"{output}.json"
    assert main(["quarantine", "show", "new.tif", "--output", output, f"--json={file}"]) == Exit.DONE
    assert json.loads(Path(file).read_text()) == facts


@pytest.mark.parametrize(
    ("words", "marked"),
    [(["new.tif"], {"new.tif"}), (["new.tif", "new.tif"], {"new.tif"}), (["--all"], {"new.tif", "old.tif"})],
)
def test_those_that_are_named_are_marked_each_once(output, capsys, words, marked):
    assert main(["quarantine", "replay", *words, "--output", output]) == Exit.DONE
    scenes = "1 scene" if len(marked) == 1 else "2 scenes"
    assert f"{scenes} will be tried again by the next run" in capsys.readouterr().out
    rows = listed(output, capsys)
    assert {scene_id for scene_id, row in rows.items() if row["marked_to_be_tried_again"]} == marked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay"], "give the ids of scenes in quarantine, or --all"),
        (["replay", "new.tif", "--all"], "give the ids of scenes in quarantine, or --all"),
        (["replay", "--all", "--now"], "replay --now: give --config"),
        (["replay", "new.tif", "typo.tif"], "no scene 'typo.tif' is in quarantine"),
        (["replay", "sound.tif"], "not in quarantine: it is done"),
        (["show", "sound.tif"], "not in quarantine: it is done"),
    ],
)
def test_a_wrong_command_ends_with_2_and_marks_nothing(output, capsys, words, said):
    assert main(["quarantine", *words, "--output", output]) == Exit.WRONG
    assert said in capsys.readouterr().err
    assert not any(row["marked_to_be_tried_again"] for row in listed(output, capsys).values())


def test_an_output_that_no_run_has_written_is_a_mistake_unless_a_config_names_it(tmp_path, capsys):
    assert main(["quarantine", "list", str(tmp_path / "typo")]) == Exit.WRONG
    assert "typo" in capsys.readouterr().err
    config = tmp_path / "run.yaml"
    config.write_text("archive: {uri: /in}\noutput: {uri: new}\n")
    assert main(["quarantine", "list", "--config", str(config)]) == Exit.DONE
    assert "0 scenes in quarantine" in capsys.readouterr().out


def test_with_nothing_in_quarantine_nothing_is_run(night, capsys):
    assert main(["quarantine", "replay", "--config", night.config, "--all", "--now"]) == Exit.DONE
    assert "no scene is in quarantine; nothing was run" in capsys.readouterr().out
