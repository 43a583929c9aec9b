"""A scene that ends the process that reads it ends a child alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import FatalError, RetryableError, SceneError, StuckError, UnreadableSceneError
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader
from tests.kit.scenes import noise, scene_of, write_scene

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]
SCENE = Scene("a.tif", "a.tif", "v1", 1)
PROFILE = SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1)
WINDOW = Window(0, 4, 0, 5)


@dataclass(frozen=True)
class DeadlyReader:
    """Ends its process by a signal, sleeps (0), fails by an exception (-1), or exits by itself (-2)."""

    ends_by: int

    def profile(self, scene: Scene) -> SceneProfile:
        if self.ends_by > 0:
            os.kill(os.getpid(), self.ends_by)
        if self.ends_by == -2:
            os._exit(3)
        if self.ends_by < 0:
            raise ZeroDivisionError("a mistake of ours")
        time.sleep(60)
        raise AssertionError

    def read(self, scene: Scene, profile: SceneProfile, window: Window) -> tuple[np.ndarray, np.ndarray]:
        self.profile(scene)
        raise AssertionError


@dataclass(frozen=True)
class OnceKilledReader:
    """Its first process is killed, as by the kernel where memory is short."""

    log: Path

    def profile(self, scene: Scene) -> SceneProfile:
        first = not self.log.exists()
        self.log.touch()
        if first:
            os.kill(os.getpid(), signal.SIGKILL)
        return PROFILE


@dataclass(frozen=True)
class TellingReader:
    """Answers with who it is."""

    name: str

    def profile(self, scene: Scene) -> SceneProfile:
        return SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1, notes=(self.name,))


class TestIsolatedReader:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16"])
    def test_it_gives_what_the_reader_gives(self, tmp_path: Path, dtype: str) -> None:
        scene = scene_of(write_scene(tmp_path / "a.tif", noise(3, 50, 40, dtype), nodata=7, crs=None))
        plain, isolated = GeoTiffReader(), IsolatedReader(GeoTiffReader())
        profile = isolated.profile(scene)
        assert profile == plain.profile(scene)
        assert profile.notes
        window = Window(3, 50, 2, 30)
        for got, expected in zip(
            isolated.read(scene, profile, window), plain.read(scene, profile, window), strict=True
        ):
            np.testing.assert_array_equal(got, expected)
            assert got.dtype == expected.dtype

    def test_a_held_scene_is_read_by_a_process_each_call_too(self, tmp_path: Path) -> None:
        scene = scene_of(write_scene(tmp_path / "a.tif", noise(3, 50, 40)))
        with IsolatedReader(GeoTiffReader()).held(scene) as own:
            assert isinstance(own, IsolatedReader)
            profile = own.profile(scene)
            np.testing.assert_array_equal(own.read(scene, profile, profile.grid.window)[0], noise(3, 50, 40))

    def test_errors_of_the_scene_come_through(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(b"nothing")
        with pytest.raises(UnreadableSceneError, match="opening it failed"):
            IsolatedReader(GeoTiffReader()).profile(scene_of(tmp_path / "a.tif"))

    @pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGKILL])
    def test_a_death_counts_against_the_scene(self, number: signal.Signals) -> None:
        reader = IsolatedReader(DeadlyReader(number))
        with pytest.raises(SceneError, match=rf"twice \(signal {number.value}, {number.name}"):
            reader.read(SCENE, PROFILE, WINDOW)

    def test_a_reading_that_was_stopped_by_somebody_does_not(self) -> None:
        with pytest.raises(RetryableError, match="somebody stopped"):
            IsolatedReader(DeadlyReader(signal.SIGTERM)).profile(SCENE)

    def test_one_kill_of_it_does_not(self, tmp_path: Path) -> None:
        assert IsolatedReader(OnceKilledReader(tmp_path / "log")).profile(SCENE) == PROFILE

    @pytest.mark.parametrize(
        ("ends_by", "words"), [(-1, "^ZeroDivisionError: a mistake of ours"), (-2, "failed by itself")]
    )
    def test_a_mistake_of_ours_or_of_the_machine_ends_neither_scene_nor_run(
        self, ends_by: int, words: str
    ) -> None:
        with pytest.raises(RetryableError, match=words):
            IsolatedReader(DeadlyReader(ends_by)).profile(SCENE)

    def test_a_disk_without_space_ends_neither_scene_nor_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> str:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("tempfile.mkdtemp", full)
        with pytest.raises(RetryableError, match="No space left"):
            IsolatedReader(TellingReader("isolated")).profile(SCENE)

    def test_an_interpreter_that_is_not_there_stops_the_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(FatalError, match="/nowhere/python cannot be started"):
            IsolatedReader(TellingReader("isolated")).profile(SCENE)

    def test_reading_for_ever_is_left_to_the_next_run(self) -> None:
        with pytest.raises(StuckError, match="longer than 3 s"):
            IsolatedReader(DeadlyReader(0), time_limit_s=3).profile(SCENE)

    def test_nothing_is_left_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        with pytest.raises(SceneError):
            IsolatedReader(DeadlyReader(signal.SIGSEGV)).profile(SCENE)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
    def test_the_child_dies_with_its_parent(self) -> None:
        program = (
            "from tests.io.scenes.test_isolated_reader import DeadlyReader, SCENE\n"
            "from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader\n"
            "IsolatedReader(DeadlyReader(0)).profile(SCENE)\n"
        )
        with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3]) as parent:
            child = self._sleeping_child(parent.pid)
            parent.kill()
        child.wait(timeout=10)

    @staticmethod
    def _sleeping_child(pid: int) -> psutil.Process:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for child in psutil.Process(pid).children():
                # By then it has loaded numpy to unpickle the reader, long after it asked for the signal.
                if any("numpy" in mapped.path for mapped in child.memory_maps()):
                    return child
            time.sleep(0.05)
        raise AssertionError("no child was started")
