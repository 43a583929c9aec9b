from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from jobs.demo.archive import SCENES, draw_archive

pytestmark = pytest.mark.slow

SOUND = [scene for scene in SCENES if not scene.truncated]
QUICK = [scene for scene in SCENES if scene.content == "sea"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    paths = draw_archive(folder)
    assert paths == [folder / scene.path for scene in SCENES]
    return folder


def test_the_archive_holds_its_scenes_and_nothing_else(archive):
    files = {str(path.relative_to(archive)) for path in archive.rglob("*") if path.is_file()}
    assert files == {scene.path for scene in SCENES}


@pytest.mark.parametrize("scene", SOUND, ids=lambda scene: scene.path)
def test_a_sound_scene_opens_where_it_says_it_lies_and_shows_something(archive, scene):
    with rasterio.open(archive / scene.path) as dataset:
        assert dataset.crs.to_string() == scene.crs
        assert dataset.crs.is_projected
        assert dataset.res == (scene.pixel_m, scene.pixel_m)
        assert (dataset.bounds.left, dataset.bounds.top) == scene.origin
        assert all(1000 <= side <= 1600 for side in dataset.shape)
        assert [c.name for c in dataset.colorinterp[:3]] == ["red", "green", "blue"]
        pixels = dataset.read()
    assert pixels[:3].astype(float).std() > 5
    assert len(np.unique(pixels)) > 100


def test_all_kinds_of_scenes_are_there(archive):
    kinds = set()
    for scene in SOUND:
        with rasterio.open(archive / scene.path) as dataset:
            kinds.add((dataset.count, dataset.dtypes[0], dataset.nodata))
    assert kinds == {(3, "uint8", None), (3, "uint8", 0.0), (4, "uint16", None)}


def test_the_satellite_scene_holds_reflectances_and_bright_leaves_in_the_near_infrared(archive):
    (scene,) = (scene for scene in SCENES if scene.infrared)
    with rasterio.open(archive / scene.path) as dataset:
        red, _, _, infrared = dataset.read().astype(float)
    assert red.max() > 255
    assert max(red.max(), infrared.max()) <= 10000
    index = (infrared - red) / (infrared + red)
    assert np.percentile(index, 95) > 0.3
    assert np.percentile(index, 5) < -0.3


def test_the_collar_is_turned_and_lies_outside_alone(archive):
    (scene,) = (scene for scene in SCENES if scene.turned_deg is not None)
    with rasterio.open(archive / scene.path) as dataset:
        valid = dataset.dataset_mask() > 0
    assert 0.6 < valid.mean() < 0.8
    assert not valid[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    first, last = valid.argmax(axis=1), valid.shape[1] - valid[:, ::-1].argmax(axis=1)
    rows = valid.any(axis=1)
    assert (valid.sum(axis=1)[rows] == (last - first)[rows]).all(), "there is a hole inside the scene"
    assert np.unique(first[rows]).size > 100, "the edge is not slanting"


def test_the_broken_scene_opens_and_then_fails_to_read(archive):
    (scene,) = (scene for scene in SCENES if scene.truncated)
    with rasterio.open(archive / scene.path) as dataset:
        assert dataset.count == 3
        with pytest.raises(rasterio.errors.RasterioIOError):
            dataset.read()


def test_a_seed_draws_the_same_bytes_again(archive, tmp_path):
    for path in draw_archive(tmp_path, scenes=QUICK):
        assert path.read_bytes() == (archive / path.relative_to(tmp_path)).read_bytes()


def test_another_seed_draws_something_else(archive, tmp_path):
    for path in draw_archive(tmp_path, seed=8, scenes=QUICK):
        assert path.read_bytes() != (archive / path.relative_to(tmp_path)).read_bytes()


def test_drawing_again_leaves_equal_files_and_replaces_damaged_ones(tmp_path):
    first, second = draw_archive(tmp_path, scenes=QUICK)[:2]
    before, whole = first.stat().st_mtime_ns, second.read_bytes()
    second.write_bytes(b"damaged")
    draw_archive(tmp_path, scenes=QUICK)
    assert first.stat().st_mtime_ns == before
    assert second.read_bytes() == whole
