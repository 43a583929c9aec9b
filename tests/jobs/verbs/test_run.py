"""`sgddiff run`: how it ends when something stops it, and its door of before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.cli import build_parser, main
from jobs.exits import Exit
from tests.kit import jobs

DOOR = "jobs/infer_archive.py"


def test_the_door_calls_the_verb_of_the_checkout_that_it_lies_in(tmp_path):
    said = jobs.ask_door(DOOR, tmp_path, "--config", "x.yaml", "--dry-run")
    assert said == (3, "['run', '--config', 'x.yaml', '--dry-run']\n")


@pytest.mark.parametrize("flags", [["--limit", "0"], ["--since", "soon"], ["--since", ""], ["--config"], []])
def test_a_wrong_flag_ends_with_2_before_anything_is_read(flags):
    with pytest.raises(SystemExit) as end:
        build_parser(["run"]).parse_args(["run", *flags])
    assert end.value.code == Exit.WRONG


def test_json_alone_on_standard_output_is_all_that_a_run_says_there(tmp_path, checkpoint, capsys):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 60, 70, 1)
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", checkpoint)
    words = ["run", "--config", str(config)]
    assert main([*words, "--dry-run", "--json"]) == Exit.DONE
    planned = json.loads(capsys.readouterr().out)
    assert planned.keys() == {"exit_code", "plan"}
    assert planned["plan"]["scenes"]["scenes_to_do"] == 1
    assert not (tmp_path / "out").exists()
    assert main([*words, f"--json={tmp_path / 'run.json'}"]) == Exit.DONE
    said = capsys.readouterr().out
    ended = json.loads((tmp_path / "run.json").read_text())
    assert ended.keys() == {"exit_code", "plan", "report", "page", "seconds", "totals"}
    assert said.endswith(f"report: {ended['report']}\npage: {ended['page']}\n")
    assert Path(ended["page"]).read_bytes().startswith(b"<!doctype html>")
    assert ended["totals"]["states"] == {"done": 1}


def test_exact_is_for_a_dry_run_which_opens_every_scene(tmp_path, checkpoint, capsys):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 60, 70, 1)
    (tmp_path / "scenes" / "empty.tif").touch()
    config = jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", checkpoint)
    words = ["run", "--config", str(config), "--exact"]
    assert main(words) == Exit.WRONG
    assert "sgddiff run: --exact: is for --dry-run alone" in capsys.readouterr().err
    assert main([*words, "--dry-run", "--json"]) == Exit.DONE
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert (plan["work"]["scenes"], plan["work"]["opened"], plan["work"]["refused"]) == (2, 1, 1)
    assert [row["scene_id"] for row in plan["refused"]] == ["empty.tif"]
    assert not (tmp_path / "out").exists()


def test_before_its_first_tile_a_local_run_loads_no_library_that_it_does_not_need(tmp_path, checkpoint):
    """Neither on the first night nor on a later one, which looks at the catalogue, too."""
    scenes = tmp_path / "scenes"
    jobs.write_scene(scenes / "a.tif", 60, 70, 1)
    config = jobs.write_config(tmp_path / "run.yaml", scenes, tmp_path / "out", checkpoint)
    unneeded = ("pandas", "xarray", "zarr", "ray", "s3fs", "aiohttp", "botocore", "obstore", "fsspec")
    plan = f"main(['run', '--config', {str(config)!r}, '--dry-run'])"
    ask = f"import sys; from jobs.cli import main; {plan}; print([n for n in {unneeded} if n in sys.modules])"
    for seed in (2, 3):
        command = [sys.executable, "-c", ask]
        said = subprocess.run(command, cwd=jobs.ROOT, capture_output=True, text=True, check=True)
        assert said.stdout.splitlines()[-1] == "[]"
        assert main(["run", "--config", str(config)]) == Exit.DONE
        jobs.write_scene(scenes / "a.tif", 60, 70, seed)


def test_what_a_part_of_a_night_is_asked_by():
    words = ["run", "--config", "x", "--limit", "3", "--since", "1970-01-02", "--retry-quarantined", "-v"]
    options = build_parser(["run"]).parse_args(words)
    assert (options.limit, options.since, options.retry_quarantined, options.verbose) == (
        3,
        86400,
        True,
        True,
    )
