"""A scene is blamed only if it is what was listed; pixels of one that changed are never used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import (
    AbsentSceneError,
    ChangedSceneError,
    RetryableError,
    SceneError,
    UnreadableSceneError,
    UnsupportedSceneError,
)
from sgddiff_batch.io.archive import find_scenes
from sgddiff_batch.io.scenes.checked_reader import CheckedReader
from sgddiff_batch.io.scenes.versions import current_version
from tests.kit.broken_s3 import Rule, run_broken_s3

PROFILE = SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1)
WINDOW = Window(0, 4, 0, 5)
PIXELS = np.zeros((3, 4, 5), np.uint8), np.ones((4, 5), bool)


@dataclass
class ScriptedReader:
    """Raises what its script says, call by call, then answers; ``on_call`` does something to the file."""

    script: list[Exception | None] = field(default_factory=list)
    on_call: object = None
    calls: int = 0

    def profile(self, scene: Scene) -> SceneProfile:
        self.calls += 1
        if callable(self.on_call):
            self.on_call()
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error
        return PROFILE

    def read(self, scene: Scene, profile: SceneProfile, window: Window) -> tuple[np.ndarray, np.ndarray]:
        self.profile(scene)
        return PIXELS

    @contextmanager
    def held(self, scene: Scene) -> Iterator[ScriptedReader]:
        yield ScriptedReader(self.script, self.on_call)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0 and more")
    return path


def listed(path: Path) -> Scene:
    (found,) = find_scenes(str(path)).scenes
    return found.scene


def test_what_the_wrapped_reader_returns_of_an_unchanged_scene_is_passed_on(file):
    reader = CheckedReader(ScriptedReader())
    assert reader.profile(listed(file)) == PROFILE
    assert reader.read(listed(file), PROFILE, WINDOW) is PIXELS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Path.unlink, "it is gone since it was listed"),
        (lambda path: path.write_bytes(b"x"), "it was changed"),
    ],
)
def test_pixels_of_a_scene_that_changed_while_it_was_read_are_not_used(file, change, words):
    scene = listed(file)
    with pytest.raises(ChangedSceneError, match=words):
        CheckedReader(ScriptedReader(on_call=lambda: change(file))).read(scene, PROFILE, WINDOW)


def test_a_profile_does_not_mind_a_change_that_its_reader_does_not_mind(file):
    scene = listed(file)
    reader = CheckedReader(ScriptedReader(on_call=lambda: file.write_bytes(b"x")))
    assert reader.profile(scene) == PROFILE


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"x")])
def test_a_scene_that_changed_is_not_blamed_for_a_failure(file, change):
    scene = listed(file)
    change(file)
    with pytest.raises(ChangedSceneError):
        CheckedReader(ScriptedReader([UnreadableSceneError("torn")])).profile(scene)


def test_a_local_scene_that_is_unchanged_is_blamed_at_once(file):
    wrapped = ScriptedReader([UnreadableSceneError("torn"), None])
    with pytest.raises(UnreadableSceneError, match="torn"):
        CheckedReader(wrapped).profile(listed(file))
    assert wrapped.calls == 1


def test_a_scene_that_was_away_and_is_back_is_tried_again_later(file):
    reader = CheckedReader(ScriptedReader([AbsentSceneError("there is no such file.")]))
    with pytest.raises(RetryableError, match=r"no such file\. It is there again"):
        reader.profile(listed(file))


def test_failures_of_the_store_are_passed_on_as_they_are(file):
    wrapped = ScriptedReader([RetryableError("busy")])
    with pytest.raises(RetryableError, match="busy"):
        CheckedReader(wrapped).profile(replace(listed(file), version="another"))
    assert wrapped.calls == 1


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("broken")) as server:
        server.object("bucket/a.tif").write_bytes(b"II*\0" + bytes(200))
        yield server


@pytest.fixture
def remote(s3, monkeypatch) -> Scene:
    s3.script()
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    scene = Scene("a.tif", "s3://bucket/a.tif", "", 204)
    return replace(scene, version=str(current_version(scene)))


def test_a_remote_scene_is_blamed_only_if_it_fails_twice(remote):
    once = ScriptedReader([UnreadableSceneError("torn")])
    assert CheckedReader(once).profile(remote) == PROFILE
    twice = ScriptedReader([UnreadableSceneError("torn"), UnreadableSceneError("still torn")])
    with pytest.raises(UnreadableSceneError, match="still torn"):
        CheckedReader(twice).profile(remote)
    assert (once.calls, twice.calls) == (2, 2)


def test_what_is_no_imagery_is_not_read_again(remote):
    wrapped = ScriptedReader([UnsupportedSceneError("complex samples")])
    with pytest.raises(SceneError, match="complex samples"):
        CheckedReader(wrapped).profile(remote)
    assert wrapped.calls == 1


def test_a_store_that_does_not_send_a_scene_is_blamed_instead_of_it(remote, s3):
    s3.script(Rule("GET", "bucket/a.tif", "code ExpiredToken", calls=None))
    with pytest.raises(RetryableError):
        CheckedReader(ScriptedReader([UnreadableSceneError("torn")] * 2)).profile(remote)


def test_a_scene_that_may_be_seen_and_not_read_is_unreadable(remote, s3):
    s3.script(Rule("GET", "bucket/a.tif", "403", calls=None))
    with pytest.raises(UnreadableSceneError, match="access to it is denied"):
        CheckedReader(ScriptedReader([UnreadableSceneError("torn")] * 2)).profile(remote)


def test_what_a_held_reader_reads_by_parts_is_checked_as_ever(file):
    scene = listed(file)
    with CheckedReader(ScriptedReader(on_call=lambda: file.write_bytes(b"x"))).held(scene) as own:
        assert isinstance(own, CheckedReader)
        assert own.profile(scene) == PROFILE
        with pytest.raises(ChangedSceneError, match="changed"):
            own.read(scene, PROFILE, WINDOW)


def test_a_small_remote_scene_of_a_reader_that_does_not_fetch_it_is_checked_too(remote, s3):
    s3.script()
    with CheckedReader(ScriptedReader()).held(remote) as own:
        assert own.read(remote, PROFILE, WINDOW) is PIXELS
    assert s3.requests() == {"HEAD bucket/a.tif": 1}
