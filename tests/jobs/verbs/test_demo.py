from __future__ import annotations

import pytest

from jobs import infer_archive
from jobs.demo.archive import SCENES
from jobs.verbs import demo
from sgddiff_batch.config.job import load_config


@pytest.fixture
def drawings(monkeypatch):
    """Replace the drawing by empty files, and return the folders that were drawn into."""
    folders = []

    def draw(folder):
        folders.append(folder)
        for scene in SCENES:
            (folder / scene.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / scene.path).touch()

    monkeypatch.setattr(demo, "draw_archive", draw)
    return folders


def test_the_config_of_the_demo_names_its_archive_and_output(tmp_path, drawings):
    config = load_config(str(demo.prepare(tmp_path)), [])
    assert config.archive.uri == str(tmp_path / "archive")
    assert config.output.uri == str(tmp_path / "mosaics")


def test_an_archive_that_is_there_is_not_drawn_again(tmp_path, drawings):
    demo.prepare(tmp_path)
    demo.prepare(tmp_path)
    assert drawings == [tmp_path / "archive"]


def test_an_archive_that_lacks_a_scene_is_drawn_again(tmp_path, drawings):
    demo.prepare(tmp_path)
    (tmp_path / "archive" / SCENES[-1].path).unlink()
    demo.prepare(tmp_path)
    assert len(drawings) == 2


@pytest.mark.parametrize("code", [infer_archive.EXIT_FAILED, infer_archive.EXIT_CONFIG])
def test_a_failure_of_the_main_job_is_the_demos_own(tmp_path, drawings, monkeypatch, capsys, code):
    monkeypatch.setattr(infer_archive, "main", lambda argv: code)
    assert demo.main(["--folder", str(tmp_path)]) == code
    assert f"exit code {code}" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_ends_the_demo_with_its_reason(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert demo.main(["--folder", str(tmp_path / "file")]) == infer_archive.EXIT_FAILED
    assert "the demo stopped" in capsys.readouterr().err
