from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.cli import main
from jobs.verbs.init import answered
from sgddiff_batch.config import load_config

ROOT = Path(__file__).resolve().parents[3]
URIS = ["--archive", "s3://bucket/scenes/", "--output", "s3://bucket/mosaics/"]


def test_the_flags_become_a_config_on_standard_output(tmp_path, capsys):
    code = main(["init", *URIS, "--engine", "ray", "--workers", "8", "--task-memory-gib", "1.5"])
    (tmp_path / "a.yaml").write_text(capsys.readouterr().out)
    config = load_config(str(tmp_path / "a.yaml"))
    assert code == 0
    assert (config.archive.uri, config.output.uri) == ("s3://bucket/scenes/", "s3://bucket/mosaics/")
    assert (config.engine.kind, config.engine.workers, config.tiling.task_memory_gib) == ("ray", 8, 1.5)


def test_relative_paths_of_this_folder_are_meant_from_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    assert main(["init", "--archive", "scenes", "--output", "mosaics/", "--file", "etc/a.yaml"]) == 0
    config = load_config("etc/a.yaml")
    assert (config.archive.uri, config.output.uri) == (str(tmp_path / "scenes"), str(tmp_path / "mosaics"))
    assert capsys.readouterr().out == ""


def test_a_file_is_replaced_with_force_alone(tmp_path, capsys):
    file = tmp_path / "a.yaml"
    file.write_text("mine")
    assert main(["init", *URIS, "--file", str(file)]) == 2
    assert file.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["init", *URIS, "--file", str(file), "--force"]) == 0
    assert load_config(str(file)).archive.uri == "s3://bucket/scenes/"
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_a_link_that_leads_nowhere_is_a_file_too(tmp_path):
    (tmp_path / "a.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert main(["init", *URIS, "--file", str(tmp_path / "a.yaml")]) == 2
    assert not (tmp_path / "elsewhere.yaml").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--device", "tpu"], "model.device: input should be 'auto', 'cpu' or 'cuda', got 'tpu'"),
        (["--workers", "0"], "engine.workers"),
        (["--block-px", "{"], "tiling.block_px"),
        (["--output", "gs://bucket/x"], "output.uri"),
        (["--output", "s3://bucket/scenes"], "must not be the archive itself"),
        (["--archive", "s3://key:secret@bucket/x"], "must not hold a user or password"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_key_and_nothing_is_written(tmp_path, capsys, flags, words):
    assert main(["init", *URIS, *flags, "--file", str(tmp_path / "a.yaml")]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "secret" not in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_nothing_is_asked():
    done = subprocess.run(
        [sys.executable, "-m", "jobs", "init", "--archive", "scenes"],
        cwd=ROOT, input="", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "sgddiff init: give --archive and --output; on a terminal they are asked for\n"


def test_questions_are_asked_until_they_are_answered_and_known_values_are_not_asked_for():
    asked, answers = [], iter(["", "scenes", "cuda", ""])

    def ask(question):
        asked.append(question)
        return next(answers)

    values = answered({"output.uri": "mosaics"}, ask)
    assert values == {
        "output.uri": "mosaics",
        "archive.uri": "scenes",
        "model.device": "cuda",
        "engine.kind": "local",
    }
    assert [question.split()[0] for question in asked] == ["Where", "Where", "On", "On"]


def start_on_a_terminal(folder):
    """Start it on a terminal of its own; returns the process, and the end of the one who answers."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "jobs", "init"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(theirs)
    return child, ours


def test_on_a_terminal_it_asks_and_writes_the_file(tmp_path):
    child, ours = start_on_a_terminal(tmp_path)
    os.write(ours, b"scenes\nmosaics\ncpu\n\n\n")
    assert child.wait(timeout=60) == 0
    said = os.read(ours, 65536).decode()
    os.close(ours)
    assert "Where are the scenes" in said
    config = load_config(str(tmp_path / "archive.yaml"))
    assert (config.archive.uri, config.model.device) == (str(tmp_path / "scenes"), "cpu")


def test_an_end_of_the_answers_writes_nothing(tmp_path):
    child, ours = start_on_a_terminal(tmp_path)
    os.write(ours, b"scenes\n\x04")
    assert child.wait(timeout=60) == 2
    os.close(ours)
    assert list(tmp_path.iterdir()) == []
