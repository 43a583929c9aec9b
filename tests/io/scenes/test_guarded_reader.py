"""It is noted while a scene is read, and suspects are read apart."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import UnreadableSceneError
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.scenes.guarded_reader import GuardedReader
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader

SCENE = Scene("a.tif", "a.tif", "v1", 1)
OTHER = Scene("b.tif", "b.tif", "v1", 1)
PROFILE = SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1)
WINDOW = Window(0, 4, 0, 5)


@dataclass(frozen=True)
class TellingReader:
    """Answers with who it is, and fails if it is told to."""

    name: str
    fails: bool = False

    def profile(self, scene: Scene) -> SceneProfile:
        if self.fails:
            raise UnreadableSceneError("no")
        return SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1, notes=(self.name,))

    def read(self, scene: Scene, profile: SceneProfile, window: Window) -> tuple[np.ndarray, np.ndarray]:
        self.profile(scene)
        code = {"plain": 1, "held": 1, "isolated": 2}[self.name]
        return np.full((3, 4, 5), code, np.uint8), np.ones((4, 5), bool)

    @contextmanager
    def held(self, scene: Scene) -> Iterator[TellingReader]:
        yield TellingReader("held" if self.name == "plain" else self.name, self.fails)


@dataclass
class NotedActivity:
    """Keeps the order of notes."""

    log: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def reading(self, scene_id: str) -> Iterator[None]:
        self.log.append(("reading", scene_id))
        try:
            yield
        finally:
            self.log.append(("ended", scene_id))

    @contextmanager
    def computing(self, scene_id: str) -> Iterator[None]:
        raise AssertionError("a reader computes nothing")
        yield


def guarded(*suspects: str, fails: bool = False) -> GuardedReader:
    plain, isolated = TellingReader("plain", fails), TellingReader("isolated", fails)
    return GuardedReader(plain, isolated, NotedActivity(), frozenset(suspects))


def log_of(reader: GuardedReader) -> list[tuple[str, str]]:
    assert isinstance(reader.activity, NotedActivity)
    return reader.activity.log


def test_every_call_is_noted_while_it_lasts():
    reader = guarded()
    reader.profile(SCENE)
    reader.read(OTHER, PROFILE, Window(1, 3, 2, 7))
    assert log_of(reader) == [
        ("reading", "a.tif"),
        ("ended", "a.tif"),
        ("reading", "b.tif"),
        ("ended", "b.tif"),
    ]


def test_so_are_calls_for_a_scene_that_is_held():
    reader = guarded()
    with reader.held(SCENE) as held:
        held.profile(SCENE)
        held.read(SCENE, PROFILE, WINDOW)
    assert log_of(reader)[-4:] == [("reading", "a.tif"), ("ended", "a.tif")] * 2


@pytest.mark.parametrize("suspects", [(), ("a.tif",)])
def test_a_scene_that_is_held_is_read_apart_if_it_is_suspect(suspects):
    with guarded(*suspects).held(SCENE) as held:
        assert held.profile(SCENE).notes == (("isolated",) if suspects else ("held",))


@pytest.mark.parametrize("call", ["profile", "read"])
def test_the_note_is_taken_back_when_reading_fails(call):
    reader = guarded(fails=True)
    with pytest.raises(UnreadableSceneError):
        reader.profile(SCENE) if call == "profile" else reader.read(SCENE, PROFILE, WINDOW)
    assert [entry[0] for entry in log_of(reader)] == ["reading", "ended"]


def test_the_note_is_there_before_the_reader_is_asked():
    class LookingReader(TellingReader):
        def profile(self, scene: Scene) -> SceneProfile:
            seen.extend(activity.log)
            return PROFILE

    activity, seen = NotedActivity(), []
    GuardedReader(LookingReader("plain"), LookingReader("isolated"), activity).profile(SCENE)
    assert seen == [("reading", "a.tif")]


def test_only_suspects_are_read_in_isolation():
    reader = guarded("a.tif")
    assert reader.profile(SCENE).notes == ("isolated",)
    assert reader.profile(OTHER).notes == ("plain",)
    assert reader.read(SCENE, PROFILE, WINDOW)[0].max() == 2
    assert reader.read(OTHER, PROFILE, WINDOW)[0].max() == 1


def test_a_scene_that_is_distrusted_is_read_in_isolation_from_then_on():
    reader = guarded()
    assert reader.profile(SCENE).notes == ("plain",)
    reader.distrust(SCENE)
    assert reader.profile(SCENE).notes == ("isolated",)
    assert reader.profile(OTHER).notes == ("plain",)


def test_two_readers_do_not_share_their_distrust():
    reader, another = guarded(), guarded()
    reader.distrust(SCENE)
    assert another.profile(SCENE).notes == ("plain",)


def test_it_can_be_pickled_and_keeps_whom_it_distrusts():
    reader = GuardedReader(GeoTiffReader(), IsolatedReader(GeoTiffReader()), NotedActivity())
    assert pickle.loads(pickle.dumps(reader)).reader == reader.reader
    careful = guarded()
    careful.distrust(SCENE)
    assert pickle.loads(pickle.dumps(careful)).profile(SCENE).notes == ("isolated",)


def test_a_held_scene_is_noted_while_a_call_lasts_and_not_between():
    reader = guarded()
    with reader.held(SCENE) as own:
        assert log_of(reader) == []
        assert own.profile(SCENE).notes == ("held",)
        assert [entry[0] for entry in log_of(reader)] == ["reading", "ended"]
        assert own.read(SCENE, PROFILE, WINDOW)[0].max() == 1
    assert [entry[0] for entry in log_of(reader)] == ["reading", "ended"] * 2


def test_a_suspect_is_held_in_isolation():
    with guarded("a.tif").held(SCENE) as own:
        assert own.profile(SCENE).notes == ("isolated",)


def test_a_scene_that_is_distrusted_while_it_is_held_is_read_in_isolation_from_then_on():
    reader = guarded()
    with reader.held(SCENE) as own:
        assert own.profile(SCENE).notes == ("held",)
        reader.distrust(SCENE)
        assert own.profile(SCENE).notes == ("isolated",)
