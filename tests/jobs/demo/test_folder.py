from __future__ import annotations

import pytest

from jobs.demo import SCENES, lacks_scenes, prepare
from sgddiff_batch.config import load_config


class Drawer:
    """Draws empty files, and keeps the folders that it was asked to draw into."""

    def __init__(self):
        self.folders = []

    def __call__(self, folder):
        self.folders.append(folder)
        for scene in SCENES:
            (folder / scene.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / scene.path).touch()


@pytest.fixture
def drawer():
    return Drawer()


def test_the_config_of_the_demo_names_its_archive_and_output(tmp_path, drawer):
    config = load_config(str(prepare(tmp_path, drawer)), [])
    assert config.archive.uri == str(tmp_path / "archive")
    assert config.output.uri == str(tmp_path / "mosaics")


def test_an_archive_that_is_there_is_not_drawn_again(tmp_path, drawer):
    prepare(tmp_path, drawer)
    prepare(tmp_path, drawer)
    assert drawer.folders == [tmp_path / "archive"]


def test_an_archive_that_lacks_a_scene_is_drawn_again(tmp_path, drawer):
    prepare(tmp_path, drawer)
    (tmp_path / "archive" / SCENES[-1].path).unlink()
    assert lacks_scenes(tmp_path)
    prepare(tmp_path, drawer)
    assert len(drawer.folders) == 2
