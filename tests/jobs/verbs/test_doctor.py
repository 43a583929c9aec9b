from __future__ import annotations

import json

import pytest

from jobs.checks import Check
from jobs.cli import main
from jobs.verbs.doctor import line_of
from tests.kit import jobs


@pytest.fixture
def config(tmp_path):
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 50, 1)
    path = tmp_path / "a.yaml"
    path.write_text("archive: {uri: scenes}\noutput: {uri: mosaics}\nmodel: {device: cpu}\n")
    return path


def test_a_sound_config_ends_with_0_and_leaves_nothing_behind(config, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    assert main(["doctor", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[1].rstrip(":") for line in lines if not line.startswith("  ")]
    assert {"config", "python", "gdal", "cuda", "checkpoint", "memory", "archive", "output", "clock"} <= {
        *names
    }
    assert not any(line.startswith("failed") for line in lines)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_config_this_machine_alone_is_looked_at(capsys):
    assert main(["doctor"]) == 0
    assert "archive:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["--set", "archive.uri=typo"], "archive"),
        (["--set", "model.checkpoint=typo"], "checkpoint"),
        (["--set", "output.uri=scenes/a.tif/below"], "output"),
        (["--set", "model.divice=cpu"], "config"),
    ],
)
def test_a_must_that_fails_ends_with_1_and_says_what_mends_it(config, capsys, flags, what):
    assert main(["doctor", "--config", str(config), *flags]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"failed  {what}: "))
    assert lines[at + 1].startswith("        mend: ")


def test_json_goes_to_standard_output_alone_or_into_a_file(config, tmp_path, capsys):
    assert main(["doctor", "--config", str(config), "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert {tuple(check) for check in tree["checks"]} == {("what", "state", "found", "mend")}
    file = tmp_path / "doctor.json"
    assert main(["doctor", "--config", str(config), f"--json={file}"]) == 0
    assert capsys.readouterr().out.startswith("ok      config: ")
    assert [check["what"] for check in json.loads(file.read_text())["checks"]] == [
        check["what"] for check in tree["checks"]
    ]


def test_a_line_shows_no_bytes_that_a_terminal_would_obey():
    assert "\x1b" not in line_of(Check("read", "note", "a\x1b[2J.tif", "look at it"))


def test_a_config_that_is_not_there_is_to_be_written(tmp_path, capsys):
    assert main(["doctor", "--config", str(tmp_path / "typo.yaml")]) == 1
    assert f"have one written: sgddiff init --file {tmp_path / 'typo.yaml'}" in capsys.readouterr().out
