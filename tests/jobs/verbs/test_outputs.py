"""The verbs that look at an output: by its URI or by --config, in tables or as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from jobs.cli import main
from jobs.exits import Exit
from tests.kit import jobs

LISTS = {
    "verify": ["verify"],
    "list": ["quarantine", "list"],
    "show": ["catalogue", "show"],
    "generations": ["catalogue", "generations"],
    "gc": ["gc", "--older-than", "0"],
}
VERBS = pytest.mark.parametrize("words", LISTS.values(), ids=LISTS)


def tables_and_json(capsys, words, *flags):
    capsys.readouterr()
    assert main([*words, *flags]) == Exit.DONE
    return capsys.readouterr().out


@VERBS
def test_an_output_is_named_by_its_uri_or_by_the_config(words, unbroken, capsys):
    by_uri = tables_and_json(capsys, words, str(unbroken))
    assert by_uri
    assert tables_and_json(capsys, words, "--config", str(unbroken.parent / "run.yaml")) == by_uri
    capsys.readouterr()
    assert main(words) == Exit.WRONG
    assert "give OUTPUT" in capsys.readouterr().err


@VERBS
def test_json_takes_the_place_of_tables_or_is_a_file_besides(words, unbroken, capsys, tmp_path):
    tables = tables_and_json(capsys, words, str(unbroken))
    told = tables_and_json(capsys, words, str(unbroken), "--json")
    assert isinstance(json.loads(told), (dict, list))
    file = tmp_path / "told.json"
    assert tables_and_json(capsys, words, str(unbroken), f"--json={file}") == tables
    assert json.loads(file.read_text()) == json.loads(told)


@VERBS
def test_an_output_that_no_run_has_written_is_a_mistake(words, tmp_path, capsys):
    assert main([*words, str(tmp_path / "typo")]) == Exit.WRONG
    assert "typo" in capsys.readouterr().err


def test_blocks_are_recomputed_by_the_config_alone(unbroken, capsys):
    assert main(["verify", str(unbroken), "--sample", "1"]) == Exit.WRONG
    assert "give --config" in capsys.readouterr().err
    assert main(["verify", "--config", str(unbroken.parent / "run.yaml"), "--sample", "1"]) == Exit.DONE


def test_scenes_are_replayed_by_the_outputs_uri_but_now_by_the_config_alone(unbroken, capsys):
    words = ["quarantine", "replay", "--output", str(unbroken), "--all"]
    assert main(words) == Exit.DONE
    assert "0 scenes will be tried again" in capsys.readouterr().out
    assert main([*words, "--now"]) == Exit.WRONG
    assert "give --config" in capsys.readouterr().err


def test_who_needs_no_network_loads_none(unbroken):
    code = (
        "import sys; from jobs.cli import main; main(sys.argv[1:])\n"
        "sys.exit(9 if {'torch', 'models', 'ray'} & sys.modules.keys() else 0)"
    )
    for words in ("gc", "verify"):
        command = [sys.executable, "-c", code, words, str(unbroken)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=jobs.ROOT)
        assert ended.returncode == 0, ended.stderr
