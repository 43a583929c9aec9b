"""An unfinished store is lost only if its scene is known to be gone or another."""

from __future__ import annotations

import json
import shutil

import pytest

from sgddiff_batch.io.archive import find_scenes
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.unfinished import lost_scene

NAME = "new.tif/v-key.zarr"


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "out"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "archive" / "new.tif"
    path.parent.mkdir()
    path.write_bytes(b"one")
    return path


def begin(store, uri, version):
    provenance = {
        "scene_id": "new.tif",
        "source_uri": uri,
        "source_version": version,
        "source_size_bytes": 3,
        **{"bands": [1, 2, 3], "stretch": None, "notes": [], "pixel_settings": {}},
    }
    root = {"attributes": {"provenance": provenance}}
    store.write(f"{NAME}/zarr.json", json.dumps(root).encode())


@pytest.fixture
def begun(store, file):
    scene = find_scenes(str(file)).scenes[0].scene
    begin(store, scene.uri, scene.version)
    return store


def test_a_store_whose_scene_is_as_it_was_can_be_finished(begun):
    assert lost_scene(begun, NAME) is None


def test_a_store_whose_scene_is_gone_is_lost(begun, file):
    (file.parent / "other.tif").write_bytes(b"x")
    file.unlink()
    assert "its scene is gone" in str(lost_scene(begun, NAME))


def test_a_store_whose_scene_is_another_is_lost(begun, file):
    file.write_bytes(b"another one")
    assert "its scene changed since: version" in str(lost_scene(begun, NAME))


@pytest.mark.parametrize("sight", ["not mounted", "an empty mount point", "cannot be looked at"])
def test_where_the_archive_is_only_out_of_sight_nobody_knows(begun, file, sight):
    file.unlink()
    if sight == "not mounted":
        shutil.rmtree(file.parent)
    elif sight == "cannot be looked at":
        file.symlink_to(file)
    assert lost_scene(begun, NAME) is None


def test_where_the_archive_may_not_be_asked_nobody_knows(store):
    begin(store, "gs://bucket/new.tif", "v")
    assert lost_scene(store, NAME) is None


@pytest.mark.parametrize(
    "root",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"attributes": {}}',
        b'{"attributes": {"provenance": 5}}',
        b'{"attributes": {"provenance": {"scene_id": "new.tif"}}}',
    ],
)
def test_of_a_store_that_does_not_say_its_scene_nobody_knows(store, root):
    if root is not None:
        store.write(f"{NAME}/zarr.json", root)
    assert lost_scene(store, NAME) is None


@pytest.mark.parametrize(("uri", "version"), [("", "v"), ("/archive/new.tif", "")])
def test_of_a_scene_without_a_place_or_version_nobody_knows(store, uri, version):
    begin(store, uri, version)
    assert lost_scene(store, NAME) is None
