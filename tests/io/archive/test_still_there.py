"""Whether a scene's file is still the one that was listed, and in words why not."""

from __future__ import annotations

import uuid
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

import pytest

from sgddiff_batch.core.query import OWN
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.io.archive.finding import find_scenes
from sgddiff_batch.io.archive.still_there import current_scene
from sgddiff_batch.io.storage import NoBucketError, ObjectFacts, open_store
from tests.kit.memory import ROW, MemoryBackend


class NoBuckets(MemoryBackend):
    """A store of which somebody has removed every bucket."""

    def files_in(self, folder: str, wanted: Set[str], begin: str) -> list[ObjectFacts]:
        raise NoBucketError(f"none://{folder}", "there is no such bucket")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A scene of a folder, under an id that only its mosaic has."""
    (tmp_path / "a.tif").write_bytes(b"scene")
    (found,) = find_scenes(str(tmp_path)).scenes
    return replace(found.scene, scene_id="north/a.tif")


def test_a_scene_that_is_as_it_was_is_returned_by_the_id_that_it_had(scene: Scene) -> None:
    assert current_scene(scene) == scene


def test_what_is_not_of_the_version_is_taken_from_the_listing(scene: Scene) -> None:
    assert current_scene(replace(scene, size_bytes=999, has_sidecars=True)) == scene


@pytest.mark.parametrize("name", ["a.tif", "a.tif.msk", "A.TFW"])
def test_another_content_or_a_sidecar_more_is_another_version(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"another")
    (found,) = find_scenes(scene.uri).scenes
    told = f"its scene changed since: version {scene.version} then, {found.scene.version} now"
    assert current_scene(scene) == told


def test_a_file_that_is_gone_or_that_a_folder_took_the_place_of_is_told(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "a.tif").unlink()
    assert current_scene(scene) == f"its scene is gone: there is no file at {tmp_path}/a.tif"
    (tmp_path / "a.tif").mkdir()
    assert current_scene(scene) == "its scene is gone: it is a folder"


def test_an_object_is_looked_at_as_a_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMES, *ROW)
    store = open_store(f"mem://{uuid.uuid4().hex}")
    store.write("s/a.tif", b"scene")
    (found,) = find_scenes(store.uri).scenes
    assert current_scene(found.scene) == found.scene
    store.write("s/a.tif", b"other")
    assert "its scene changed since" in str(current_scene(found.scene))


def test_a_bucket_that_is_gone_is_a_reason_and_only_on_demand_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SCHEMES, "none", "tests.io.archive.test_still_there:NoBuckets")
    scene = Scene("a.tif", "none://b/a.tif", "v", 1)
    told = current_scene(scene)
    assert told == "its scene is gone: there is no file at none://b/a.tif: there is no such bucket"
    with pytest.raises(NoBucketError, match="there is no such bucket"):
        current_scene(scene, OWN, strict=True)
