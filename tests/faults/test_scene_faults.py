"""Scenes that change, vanish, hang or lie, locally and on a broken S3: no wrong byte, nothing lost."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.core.window import Window
from sgddiff_batch.engine.driver import Driver
from sgddiff_batch.engine.local import run_local
from sgddiff_batch.engine.retries import Retries
from sgddiff_batch.engine.steps import TaskLimits
from sgddiff_batch.engine.survey import survey
from sgddiff_batch.engine.work import SceneWork
from sgddiff_batch.engine.worker import Worker
from sgddiff_batch.errors import ChangedSceneError, RetryableError, UnreadableSceneError
from sgddiff_batch.io.archive.finding import find_scenes
from sgddiff_batch.io.scenes import gdal as gdal_access
from sgddiff_batch.io.scenes.checked_reader import CheckedReader
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.scenes.isolated_reader import IsolatedReader
from sgddiff_batch.lifecycle import MosaicLifecycle
from tests.kit.broken_s3 import Rule, run_broken_s3
from tests.kit.fakes import (
    TINY,
    MemoryLedger,
    MemoryWriter,
    SyntheticReader,
    ToyPredictor,
    make_scene,
)
from tests.kit.scenes import write_scene

pytestmark = pytest.mark.timeout(120)
READER = CheckedReader(GeoTiffReader())
WHOLE = Window(0, 600, 0, 600)


def write(path, seed):
    """Write a scene of 1.1 MB in many tiles, so that it takes several requests."""
    samples = np.random.default_rng(seed).integers(0, 255, (3, 600, 600), dtype=np.uint8)
    options = {"interleave": "pixel", "tiled": True, "blockxsize": 128, "blockysize": 128}
    return write_scene(path, samples, **options)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two scenes of one name, size and layout."""
    folder = tmp_path_factory.mktemp("pictures")
    return write(folder / "old.tif", 1).read_bytes(), write(folder / "new.tif", 2).read_bytes()


def listed(uri):
    (found,) = find_scenes(str(uri)).scenes
    return found.scene


class ChangingReader:
    """Reads, and has something done to the file before the read returns."""

    def __init__(self, change):
        self.change = change

    def profile(self, scene):
        return GeoTiffReader().profile(scene)

    def read(self, *args):
        result = GeoTiffReader().read(*args)
        self.change(Path(args[0].uri))
        return result


def touched(path):
    os.utime(path, ns=(1, 1))


class TestLocal:
    @pytest.mark.parametrize("change", [touched, Path.unlink, lambda path: path.write_bytes(b"II*\0")])
    def test_what_was_read_of_a_scene_that_changes_meanwhile_is_not_used(self, tmp_path, pictures, change):
        (tmp_path / "a.tif").write_bytes(pictures[0])
        scene, reader = listed(tmp_path), CheckedReader(ChangingReader(change))
        with pytest.raises(ChangedSceneError):
            reader.read(scene, reader.profile(scene), WHOLE)

    @pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"II*\0")])
    def test_a_scene_that_is_gone_or_torn_since_the_listing_is_not_blamed(self, tmp_path, pictures, change):
        (tmp_path / "a.tif").write_bytes(pictures[0])
        scene = listed(tmp_path)
        profile = READER.profile(scene)
        change(tmp_path / "a.tif")
        for reader in (READER, IsolatedReader(READER)):
            with pytest.raises(ChangedSceneError):
                reader.profile(scene)
        with pytest.raises(ChangedSceneError):
            READER.read(scene, profile, WHOLE)

    def test_a_sidecar_that_changes_is_a_change(self, tmp_path, pictures):
        (tmp_path / "a.tif").write_bytes(pictures[0])
        world = tmp_path / "a.tfw"
        world.write_text("1\n0\n0\n-1\n0\n0\n")
        scene = listed(tmp_path)
        profile = READER.profile(scene)
        assert READER.read(scene, profile, WHOLE)[1].all()
        world.write_text("2\n0\n0\n-2\n0\n0\n0\n")
        with pytest.raises(ChangedSceneError, match="changed"):
            READER.read(scene, profile, WHOLE)

    def test_a_scene_that_is_bad_and_unchanged_is_blamed(self, tmp_path, pictures):
        (tmp_path / "a.tif").write_bytes(pictures[0][:300_000])
        scene = listed(tmp_path)
        with pytest.raises(UnreadableSceneError):
            READER.read(scene, READER.profile(scene), WHOLE)

    @pytest.mark.parametrize(
        "content", [b"", b"not a raster", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"<VRTDataset/>", b"II*\0"]
    )
    def test_a_file_that_its_suffix_lies_about_is_blamed(self, tmp_path, content):
        (tmp_path / "a.tif").write_bytes(content)
        with pytest.raises(UnreadableSceneError):
            READER.profile(listed(tmp_path))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_scene_that_is_listed_and_forbidden_is_blamed(self, tmp_path, pictures):
        (tmp_path / "a.tif").write_bytes(pictures[0])
        (tmp_path / "a.tif").chmod(0)
        with pytest.raises(UnreadableSceneError, match="ermission"):
            READER.profile(listed(tmp_path))

    def test_a_pipe_is_never_listed_as_a_scene(self, tmp_path):
        os.mkfifo(tmp_path / "a.tif")
        answer = find_scenes(str(tmp_path))
        assert answer.scenes == ()
        assert [file.reason for file in answer.ignored] == ["it is no regular file"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("broken")) as running:
        yield running


class TestS3:
    @pytest.fixture
    def broken(self, server, monkeypatch, pictures):
        """The broken S3 with one scene, and this process sent to it."""
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(gdal_access._OPTIONS, "GDAL_HTTP_RETRY_DELAY", "0.01")
        server.object("bk/in/a.tif").write_bytes(pictures[0])
        (server.folder / "swap").write_bytes(pictures[1])
        server.script()
        yield server
        server.script()

    @pytest.fixture
    def scene(self, broken):
        return listed("s3://bk/in")

    @pytest.fixture
    def expected(self, tmp_path, pictures):
        (tmp_path / "a.tif").write_bytes(pictures[0])
        scene = listed(tmp_path)
        return READER.read(scene, READER.profile(scene), WHOLE)[0]

    def test_a_read_asks_once_more_for_the_version_and_nothing_else(self, broken, scene, expected):
        profile = READER.profile(scene)
        broken.script()
        np.testing.assert_array_equal(READER.read(scene, profile, WHOLE)[0], expected)
        requests = broken.requests()
        assert requests.pop("HEAD bk/in/a.tif") == 1
        assert set(requests) == {"GET bk/in/a.tif"}

    @pytest.mark.parametrize("fault", ["503", "500", "429", "reset", "cut", "403", "404", "400", "slow"])
    def test_a_read_of_which_one_request_fails_has_the_bytes_of_a_quiet_one(
        self, broken, scene, expected, fault
    ):
        profile = READER.profile(scene)
        broken.script(Rule("GET", "bk/in/a.tif", fault, (1,), from_byte=1))
        np.testing.assert_array_equal(READER.read(scene, profile, WHOLE)[0], expected)

    @pytest.mark.parametrize("call", [1, 2, 3])
    def test_a_body_that_is_cut_off_is_never_taken_for_the_file(self, broken, scene, expected, call):
        broken.script(Rule("GET", "bk/in/a.tif", "cut", (call,)))
        profile = READER.profile(scene)
        np.testing.assert_array_equal(READER.read(scene, profile, WHOLE)[0], expected)

    @pytest.mark.parametrize(
        "fault", ["503", "500", "429", "reset", "cut", "400", "code ExpiredToken", "code InvalidAccessKeyId"]
    )
    def test_trouble_of_the_store_in_mid_read_is_no_damage_of_the_scene(self, broken, scene, expected, fault):
        profile = READER.profile(scene)
        broken.script(Rule("GET", "bk/in/a.tif", fault, None, from_byte=1))
        with pytest.raises(RetryableError):
            READER.read(scene, profile, WHOLE)
        broken.script()
        np.testing.assert_array_equal(READER.read(scene, profile, WHOLE)[0], expected)

    def test_a_scene_that_is_replaced_in_mid_read_is_never_half_old_and_half_new(self, broken, scene):
        profile = READER.profile(scene)
        broken.script(Rule("GET", "bk/in/a.tif", "swap", (2,)))
        with pytest.raises(ChangedSceneError, match="changed"):
            READER.read(scene, profile, WHOLE)
        new = listed("s3://bk/in")
        assert new.version != scene.version
        assert READER.read(new, READER.profile(new), WHOLE)[1].all()

    def test_a_scene_that_goes_in_mid_read_is_left_to_the_next_listing(self, broken, scene):
        profile = READER.profile(scene)
        broken.object("bk/in/a.tif").unlink()
        with pytest.raises(ChangedSceneError, match="gone"):
            READER.read(scene, profile, WHOLE)
        with pytest.raises(ChangedSceneError, match="gone"):
            READER.profile(scene)

    def test_an_object_that_a_glitch_hides_is_asked_for_again(self, broken, scene):
        broken.script(Rule("GET", "bk/in/a.tif", "404"))
        with pytest.raises(RetryableError, match="there again"):
            READER.profile(scene)

    def test_an_object_that_is_listed_and_forbidden_is_that_scene_s_own_trouble(self, broken, scene):
        broken.script(*(Rule(kind, "bk/in/a.tif", "403", None) for kind in ("GET", "HEAD")))
        with pytest.raises(UnreadableSceneError, match="denied"):
            READER.profile(scene)

    def test_a_damaged_object_is_blamed_after_it_was_read_twice(self, broken, pictures):
        damaged = bytearray(pictures[0])
        broken.object("bk/in/a.tif").write_bytes(damaged[: len(damaged) // 2])
        scene = listed("s3://bk/in")
        with pytest.raises(UnreadableSceneError):
            READER.read(scene, READER.profile(scene), WHOLE)


SCENES = {"a.tif": make_scene(20, 20, 1), "b.tif": make_scene(20, 20, 2)}


class HangingReader(SyntheticReader):
    """Hangs at a.tif, in a stage, until ``end`` is set."""

    def __init__(self, stage):
        super().__init__(SCENES)
        self.stage, self.end = stage, threading.Event()

    def _call(self, stage, scene_id, window):
        super()._call(stage, scene_id, window)
        if (stage, scene_id) == (self.stage, "a.tif"):
            self.end.wait()


def night(reader, writer, ledger, retries):
    """The rows of a run over all scenes, by scene id."""
    lifecycle = MosaicLifecycle(writer, ledger, "key", lambda mosaic: {})
    worker = Worker(reader, ToyPredictor(), lifecycle, TaskLimits(TINY, 10**6, 10**7), retries=retries)
    driver = Driver(survey(reader.scenes(), {}, "key"), {})
    return {row.scene_id: row for row in driver.run(lambda take: run_local(take, worker))}


class TestWatchdog:
    def test_a_read_that_hangs_fails_its_scene_and_the_run_ends(self):
        reader, writer, ledger = HangingReader("read"), MemoryWriter(), MemoryLedger()
        rows = night(reader, writer, ledger, Retries(stuck_after_s=0.3))
        assert (rows["a.tif"].state, rows["b.tif"].state) == ("failed", "done")
        assert "reading it did not end within 0.3 s" in rows["a.tif"].reason
        reader.end.set()

    def test_a_scene_that_hangs_while_it_is_opened_is_left_for_the_next_run(self):
        reader = HangingReader("profile")
        rows = night(reader, MemoryWriter(), MemoryLedger(), Retries(stuck_after_s=0.3))
        assert (rows["a.tif"].state, rows["b.tif"].state) == ("failed", "done")
        assert "opening it did not end within 0.3 s" in rows["a.tif"].reason
        reader.end.set()


def test_the_next_night_does_what_a_changed_scene_left(tmp_path, pictures):
    """Between the listing and the read: the run leaves it, and nothing of either version is committed."""
    (tmp_path / "a.tif").write_bytes(pictures[0])
    old = listed(tmp_path)
    (tmp_path / "a.tif").write_bytes(pictures[1])
    writer, ledger = MemoryWriter(), MemoryLedger()
    lifecycle = MosaicLifecycle(writer, ledger, "key", lambda mosaic: {})
    worker = Worker(READER, ToyPredictor(), lifecycle, TaskLimits(TINY, 10**9, 10**9))
    row = worker.run(SceneWork(old, "a.tif/v-key.zarr")).result
    assert row.state == "failed"
    assert row.reason == "it was changed since it was listed; the next run reads it as it is now"
    assert not any(stored.complete for stored in writer.stores.values())
    assert ledger.records() == {}
