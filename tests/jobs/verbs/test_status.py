"""The status of an output from the command line: by its URI or the config, in lines or as JSON; areas."""

from __future__ import annotations

import json

import pytest

from jobs.cli import main
from jobs.exits import Exit
from sgddiff_batch.io.ledger import Lease
from sgddiff_batch.io.storage import open_store
from tests.io.catalogue_examples import finish, publish_all


def told(capsys, *words):
    capsys.readouterr()
    assert main(["status", *words]) == Exit.DONE
    return capsys.readouterr().out


def test_an_output_is_named_by_its_uri_or_by_the_config(night, capsys):
    said = told(capsys, str(night.output))
    assert "at work    nobody" in said
    assert "generation 1, 2 mosaics" in said
    assert "done (exit code 0)" in said
    assert told(capsys, "--config", night.config).splitlines()[0] == str(night.output)


def test_json_has_its_keys_and_takes_the_place_of_the_lines_or_is_a_file_besides(night, capsys, tmp_path):
    facts = json.loads(told(capsys, str(night.output), "--json"))
    assert facts.keys() == {"output", "at_work", "catalogue", "last_run", "areas"}
    assert (facts["at_work"], facts["areas"]) == (None, [])
    assert facts["catalogue"].keys() == {"number", "rows", "created", "run_id", "newest"}
    assert (facts["last_run"]["ending"], facts["last_run"]["exit_code"]) == ("done", 0)
    assert facts["last_run"]["states"] == {"done": 2}
    file = tmp_path / "told.json"
    assert "nobody" in told(capsys, str(night.output), f"--json={file}")
    assert json.loads(file.read_text()) == facts


def test_who_is_at_work_is_in_the_json_with_its_progress(night, capsys):
    with Lease(open_store(str(night.output)), "run-7", 120.0):
        holder = json.loads(told(capsys, str(night.output), "--json"))["at_work"]
    assert holder.keys() == {
        "run_id", "life", "user", "host", "process", "since", "heartbeat_age_s", "progress", "seconds_left",
    }  # fmt: skip
    assert (holder["run_id"], holder["life"], holder["progress"]) == ("run-7", "at work", None)


def test_areas_are_told_too_but_no_folder_that_no_run_has_written_to(night, capsys):
    area = open_store(str(night.output / "_areas" / "monthly"))
    finish(area, "2026-01/x1y1")
    publish_all(area)
    (night.output / "_areas" / "empty").mkdir()
    (found,) = json.loads(told(capsys, str(night.output), "--json"))["areas"]
    assert (found["area"], found["output"], found["catalogue"]["rows"]) == ("monthly", area.uri, 1)
    assert f"\n{area.uri}\n" in told(capsys, str(night.output))


@pytest.mark.parametrize("words", [["typo"], ["typo", "--json"]])
def test_where_no_run_has_written_the_code_is_1_and_that_of_a_wrong_command_2(words, tmp_path, capsys):
    assert main(["status", str(tmp_path / words[0]), *words[1:]]) == Exit.FAILED
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sgddiff status: ")
    assert "give the output.uri of a run" in said.err
    assert main(["status"]) == Exit.WRONG


def test_a_damaged_lease_is_one_line(night, capsys):
    (night.output / "_ledger" / "lease~.json").write_text("{")
    assert main(["status", str(night.output)]) == Exit.FAILED
    assert "lease~.json" in capsys.readouterr().err
