"""The version of a scene is that of its listing; a small remote one comes whole by one request, or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sgddiff_batch.core.query import OWN
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import ChangedSceneError, RetryableError, UnreadableSceneError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive import find_scenes
from sgddiff_batch.io.scenes.versions import (
    SMALL_SCENE_BYTES,
    check_unchanged,
    current_version,
    fetch_whole,
    is_fetched_whole,
)
from tests.kit.broken_s3 import BrokenS3, Rule, run_broken_s3

pytestmark = pytest.mark.timeout(120)
DATA = b"II*\0" + bytes(range(256)) * 400


def listed(place: Path | str) -> Scene:
    (found,) = find_scenes(str(place)).scenes
    return found.scene


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0 and more")
    return path


def test_the_version_of_a_scene_is_that_of_its_listing_with_and_without_sidecars(file: Path) -> None:
    assert current_version(listed(file)) == listed(file).version
    Path(f"{file}.msk").write_bytes(b"mask")
    scene = listed(file)
    assert scene.has_sidecars
    assert current_version(scene) == scene.version
    Path(f"{file}.msk").write_bytes(b"another mask")
    assert current_version(scene) != scene.version
    file.unlink()
    assert current_version(scene) is None


def test_a_scene_is_unchanged_changed_or_gone(file: Path) -> None:
    scene = listed(file)
    check_unchanged(scene)
    with pytest.raises(ChangedSceneError, match="it was changed since it was listed"):
        check_unchanged(replace(scene, version="another"))
    file.unlink()
    with pytest.raises(ChangedSceneError, match="it is gone since it was listed"):
        check_unchanged(scene)


@pytest.mark.parametrize(
    ("scene", "whole"),
    [
        (Scene("a.tif", "s3://b/a.tif", "v1", SMALL_SCENE_BYTES), True),
        (Scene("a.tif", "s3://b/a.tif", "v1", SMALL_SCENE_BYTES + 1), False),
        (Scene("a.tif", "s3://b/a.tif", "v1", 0), False),
        (Scene("a.tif", "s3://b/a.tif", "v1", 5000, has_sidecars=True), False),
        (Scene("a.tif", "/b/a.tif", "v1", 5000), False),
    ],
    ids=["small", "large", "empty or of unknown size", "with sidecars", "local"],
)
def test_only_what_is_small_and_far_and_alone_comes_whole(scene: Scene, whole: bool) -> None:
    assert is_fetched_whole(scene) == whole


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenS3]:
    with run_broken_s3(tmp_path_factory.mktemp("broken")) as running:
        yield running


@pytest.fixture
def broken(server: BrokenS3, monkeypatch: pytest.MonkeyPatch) -> BrokenS3:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.object("bk/in/a b.tif").write_bytes(DATA)
    server.script()
    return server


@pytest.fixture
def scene(broken: BrokenS3) -> Scene:
    found = listed("s3://bk/in")
    broken.script()
    return found


def test_it_comes_by_one_request_and_nothing_else_is_asked(broken: BrokenS3, scene: Scene) -> None:
    assert fetch_whole(scene, "opening it") == DATA
    assert broken.requests() == {"GET bk/in/a b.tif": 1}


def test_what_changed_since_the_listing_is_told_by_the_same_request(broken: BrokenS3, scene: Scene) -> None:
    broken.object("bk/in/a b.tif").write_bytes(DATA[::-1])
    with pytest.raises(ChangedSceneError, match="it was changed since it was listed"):
        fetch_whole(scene, "opening it")
    assert broken.requests() == {"GET bk/in/a b.tif": 1}


def test_what_is_gone_is_told(broken: BrokenS3, scene: Scene) -> None:
    broken.object("bk/in/a b.tif").unlink()
    with pytest.raises(ChangedSceneError, match="it is gone since it was listed"):
        fetch_whole(scene, "opening it")


def test_an_object_that_a_glitch_hides_is_asked_for_again_later(broken: BrokenS3, scene: Scene) -> None:
    broken.script(Rule("GET", "bk/in/*", "404"))
    with pytest.raises(RetryableError, match=r"opening it failed: there is no such object .*there again"):
        fetch_whole(scene, "opening it")


@pytest.mark.parametrize("fault", ["503", "500", "429", "reset", "cut", "code ExpiredToken", "code SlowDown"])
def test_trouble_of_the_store_is_no_fault_of_the_scene(broken: BrokenS3, scene: Scene, fault: str) -> None:
    broken.script(Rule("GET", "bk/in/*", fault, None))
    with pytest.raises(
        RetryableError, match="opening it failed: the storage did not answer properly or in time"
    ):
        fetch_whole(scene, "opening it")


@pytest.mark.parametrize("fault", ["cut", "reset", "503", "slow"])
def test_a_request_that_fails_once_is_made_again(broken: BrokenS3, scene: Scene, fault: str) -> None:
    broken.script(Rule("GET", "bk/in/*", fault))
    assert fetch_whole(scene, "opening it") == DATA


def test_a_scene_that_may_be_listed_and_not_read_is_its_own_trouble(broken: BrokenS3, scene: Scene) -> None:
    broken.script(Rule("GET", "bk/in/*", "403", None))
    with pytest.raises(UnreadableSceneError, match="access to it is denied"):
        fetch_whole(scene, "opening it")


def test_fewer_bytes_than_were_listed_are_not_the_scene(scene: Scene) -> None:
    with pytest.raises(RetryableError, match=f"it sent {len(DATA)} of {len(DATA) + 1} bytes"):
        fetch_whole(replace(scene, size_bytes=len(DATA) + 1), "opening it")


def test_keys_are_not_shown_by_what_fails(
    broken: BrokenS3, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RetryableError("bk: http://user:pass@host/?X-Amz-Signature=abc AKIA0123456789ABCDEF")

    monkeypatch.setattr(storage.Store, "read_versioned", refuse)
    with pytest.raises(RetryableError) as caught:
        fetch_whole(scene, "opening it")
    assert not [word for word in ("user", "pass@", "abc", "AKIA") if word in str(caught.value)]


def test_a_store_without_etags_is_asked_for_the_version_afterwards(
    broken: BrokenS3, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.Store, "read_versioned", lambda *_: storage.Versioned(DATA, ""))
    assert fetch_whole(scene, "opening it", OWN) == DATA
    assert broken.requests() == {"HEAD bk/in/a b.tif": 1}
    with pytest.raises(ChangedSceneError, match="changed"):
        fetch_whole(replace(scene, version="another"), "opening it")


def test_an_object_key_with_dots_is_not_asked_for(broken: BrokenS3) -> None:
    with pytest.raises(UnreadableSceneError, match="cannot be asked for safely"):
        fetch_whole(Scene("x", "s3://bk/a/../../other/secret.tif", "v1", 1), "opening it")
    assert broken.requests() == {}
