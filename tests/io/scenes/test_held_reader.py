"""One scene for several calls: opened once, fetched once where it is small and far, and nothing is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import rasterio.shutil

from sgddiff_batch.core.scene import Scene, SceneProfile
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import (
    ChangedSceneError,
    RetryableError,
    SceneError,
    UnreadableSceneError,
    UnsupportedSceneError,
)
from sgddiff_batch.io.archive import find_scenes
from sgddiff_batch.io.scenes import CheckedReader, GeoTiffReader, held_reader, versions
from sgddiff_batch.io.scenes import gdal as gdal_access
from sgddiff_batch.io.scenes.held_reader import HeldReader
from tests.kit.broken_s3 import BrokenS3, Rule, run_broken_s3
from tests.kit.scenes import TRANSFORM, noise, scene_of, write_scene

pytestmark = pytest.mark.timeout(120)
BARE = GeoTiffReader()
READER = CheckedReader(BARE)
URI = "s3://bk/in/a.tif"


def listed(place: Path | str) -> Scene:
    (found,) = find_scenes(str(place)).scenes
    return found.scene


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokenS3]:
    with run_broken_s3(tmp_path_factory.mktemp("broken")) as running:
        yield running


@pytest.fixture
def broken(server: BrokenS3, monkeypatch: pytest.MonkeyPatch) -> BrokenS3:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(gdal_access._OPTIONS, "GDAL_HTTP_RETRY_DELAY", "0.01")
    server.script()
    return server


@pytest.fixture
def file(broken: BrokenS3) -> Path:
    """A scene of one tile in the bucket."""
    path = broken.object("bk/in/a.tif")
    path.unlink(missing_ok=True)
    return write_scene(path, noise(3, 300, 280), tiled=True, blockxsize=128, blockysize=128)


@pytest.fixture
def scene(broken: BrokenS3, file: Path) -> Scene:
    found = listed(URI)
    broken.script()
    return found


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[Scene]:
    """The scenes of which a handle was opened."""
    made: list[Scene] = []

    def opening(scene: Scene, whole: gdal_access.Whole | None = None) -> rasterio.DatasetReader:
        made.append(scene)
        return gdal_access.opened_to_keep(scene, whole)

    monkeypatch.setattr(held_reader, "opened_to_keep", opening)
    return made


class TestRequests:
    def test_a_small_remote_scene_is_one_request_and_nothing_else(
        self, broken: BrokenS3, scene: Scene, file: Path, openings: list[Scene]
    ) -> None:
        with READER.held(scene) as own:
            profile = own.profile(scene)
            pixels, valid = own.read(scene, profile, profile.grid.window)
            own.read(scene, profile, Window(10, 20, 30, 40))
        assert broken.requests() == {"GET bk/in/a.tif": 1}
        assert openings == [scene]
        np.testing.assert_array_equal(pixels, noise(3, 300, 280))
        assert valid.all()

    @pytest.mark.parametrize("damage", ["half of it", "no raster", "no imagery"])
    def test_a_bad_one_is_one_request_too(self, broken: BrokenS3, file: Path, damage: str) -> None:
        data = file.read_bytes()
        file.write_bytes(
            {"half of it": data[: len(data) // 2], "no raster": b"II*\0" * 100}.get(damage, data)
        )
        if damage == "no imagery":
            write_scene(file, noise(1, 30, 30).astype(np.complex64))
        scene = listed(URI)
        broken.script()
        with READER.held(scene) as own, pytest.raises(SceneError):
            own.read(scene, own.profile(scene), Window(0, 300, 0, 280))
        assert broken.requests() == {"GET bk/in/a.tif": 1}

    @pytest.mark.parametrize("layout", ["tiles", "strips"])
    def test_a_larger_one_is_opened_once_and_its_version_asked_for_after_the_read(
        self, broken: BrokenS3, file: Path, layout: str
    ) -> None:
        options = {"tiled": True, "blockxsize": 256, "blockysize": 256} if layout == "tiles" else {}
        rng = np.random.default_rng(1)
        samples = rng.integers(0, 255, (3, 2048, 2048), dtype=np.uint8)
        file.unlink()
        write_scene(file, samples, interleave="pixel", **options)
        scene = listed(URI)
        assert scene.size_bytes > versions.SMALL_SCENE_BYTES
        broken.script()
        window = Window(0, 2048, 0, 2048)
        READER.read(scene, READER.profile(scene), window)
        before = broken.requests()
        broken.script()
        with READER.held(scene) as own:
            pixels, _ = own.read(scene, own.profile(scene), window)
        assert broken.requests() == {**before, "GET bk/in/a.tif": before["GET bk/in/a.tif"] - 1}
        assert before["HEAD bk/in/a.tif"] == 1
        np.testing.assert_array_equal(pixels, samples)

    def test_nothing_is_asked_before_the_first_call_or_after_the_last(
        self, broken: BrokenS3, scene: Scene
    ) -> None:
        with READER.held(scene):
            pass
        assert broken.requests() == {}

    def test_one_with_sidecars_is_read_as_by_the_reader_itself(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 30, 30))
        Path(f"{path}.aux.xml").write_text("<PAMDataset/>")
        with BARE.held(scene_of(path)) as own:
            assert own is BARE

    def test_a_local_one_is_opened_once(self, tmp_path: Path, openings: list[Scene]) -> None:
        write_scene(tmp_path / "a.tif", noise(3, 30, 30))
        scene = listed(tmp_path)
        with READER.held(scene) as own:
            profile = own.profile(scene)
            pixels, _ = own.read(scene, profile, profile.grid.window)
        assert openings == [scene]
        np.testing.assert_array_equal(pixels, noise(3, 30, 30))


class TestChanges:
    def test_one_that_was_replaced_before_the_first_call_is_not_read(self, scene: Scene, file: Path) -> None:
        file.write_bytes(file.read_bytes() + b"more")
        with READER.held(scene) as own, pytest.raises(ChangedSceneError, match="it was changed since"):
            own.profile(scene)

    def test_what_was_fetched_does_not_change_with_the_object(
        self, broken: BrokenS3, scene: Scene, file: Path
    ) -> None:
        with READER.held(scene) as own:
            profile = own.profile(scene)
            file.write_bytes(b"another")
            pixels, _ = own.read(scene, profile, profile.grid.window)
        np.testing.assert_array_equal(pixels, noise(3, 300, 280))

    @pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"another")])
    def test_a_local_one_that_changes_is_told(self, tmp_path: Path, change) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 30, 30))
        scene = listed(tmp_path)
        with READER.held(scene) as own:
            profile = own.profile(scene)
            change(path)
            with pytest.raises(ChangedSceneError):
                own.read(scene, profile, profile.grid.window)

    def test_one_by_parts_that_is_replaced_between_profile_and_read_is_told(
        self, scene: Scene, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(versions, "SMALL_SCENE_BYTES", 0)
        with READER.held(scene) as own:
            profile = own.profile(scene)
            write_scene(file, 255 - noise(3, 300, 280), tiled=True, blockxsize=128, blockysize=128)
            with pytest.raises(ChangedSceneError):
                own.read(scene, profile, profile.grid.window)


class TestFailures:
    def test_a_store_that_fails_is_asked_again_by_the_next_call(self, broken: BrokenS3, scene: Scene) -> None:
        broken.script(Rule("GET", "bk/in/*", "code ExpiredToken", None))
        with READER.held(scene) as own:
            with pytest.raises(RetryableError):
                own.profile(scene)
            broken.script()
            assert own.profile(scene).grid.width_px == 280
            own.profile(scene)
        assert broken.requests() == {"GET bk/in/a.tif": 1}

    def test_a_handle_does_not_outlive_a_failure(
        self, broken: BrokenS3, scene: Scene, openings: list[Scene], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(versions, "SMALL_SCENE_BYTES", 0)
        with BARE.held(scene) as own:
            profile = own.profile(scene)
            broken.script(Rule("GET", "bk/in/*", "503", None))
            with pytest.raises(RetryableError):
                own.read(scene, profile, profile.grid.window)
            broken.script()
            assert own.read(scene, profile, profile.grid.window)[1].all()
        assert len(openings) == 2

    def test_the_words_name_the_scene_and_not_its_place_in_memory(self, broken: BrokenS3, file: Path) -> None:
        file.write_bytes(b"no raster at all, but long enough to be looked at")
        scene = listed(URI)
        with READER.held(scene) as own, pytest.raises(UnreadableSceneError) as caught:
            own.profile(scene)
        assert str(caught.value) == (
            "opening it failed: '/vsis3/bk/in/a.tif' not recognized as being in a supported file format."
        )

    def test_metadata_that_names_another_file_is_refused(self, broken: BrokenS3, file: Path) -> None:
        tags = {"OVERVIEWS": {"OVERVIEW_FILE": "/vsicurl/http://127.0.0.1:9/secret.tif"}}
        file.unlink()
        write_scene(file, noise(3, 2000, 10, "uint16"), tags=tags)
        scene = listed(URI)
        with READER.held(scene) as own, pytest.raises(UnreadableSceneError, match="refers to another file"):
            own.profile(scene)

    @pytest.mark.parametrize(
        "content",
        [
            b"\x89PNG\r\n\x1a\n",
            b"PK\x03\x04",
            b'<VRTDataset rasterXSize="8" rasterYSize="8"></VRTDataset>',
            b"II*\0",
        ],
    )
    def test_what_its_suffix_lies_about_is_not_opened(
        self, broken: BrokenS3, file: Path, content: bytes
    ) -> None:
        file.write_bytes(content)
        scene = listed(URI)
        with READER.held(scene) as own, pytest.raises(UnreadableSceneError):
            own.profile(scene)

    def test_a_bomb_is_refused(self, broken: BrokenS3, file: Path) -> None:
        side, options = (
            40_000,
            {"tiled": True, "SPARSE_OK": "TRUE", "compress": "deflate", "crs": "EPSG:32633"},
        )
        file.unlink()
        with rasterio.open(
            file, "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8",
            transform=TRANSFORM, blockxsize=4096, blockysize=4096, **options,
        ):  # fmt: skip
            pass
        scene = listed(URI)
        with READER.held(scene) as own, pytest.raises(UnsupportedSceneError, match=f"{side} x {side}"):
            own.profile(scene)

    @pytest.mark.parametrize(
        "key", ["q?x=1#y.tif", "é&+%2e.tif", "a||maxlength=5.tif", "GTIFF_DIR:1:a.tif", " .tif"]
    )
    def test_any_key_is_only_a_name(self, broken: BrokenS3, file: Path, key: str) -> None:
        broken.object(f"bk/{key}").write_bytes(file.read_bytes())
        found = Scene("x", f"s3://bk/{key}", "", file.stat().st_size)
        scene = replace(found, version=str(versions.current_version(found)))
        with READER.held(scene) as own:
            assert own.profile(scene).grid.width_px == 280


class TestWhatIsLeft:
    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> list[gdal_access.Whole]:
        """The files that are put into memory."""
        made: list[gdal_access.Whole] = []
        of = gdal_access.Whole.of
        monkeypatch.setattr(
            gdal_access.Whole, "of", lambda scene, data: made.append(of(scene, data)) or made[-1]
        )
        return made

    @pytest.mark.parametrize("fails", [False, True])
    def test_nothing_is_left_in_memory(self, scene: Scene, file: Path, made: list, fails: bool) -> None:
        if fails:
            file.write_bytes(b"no raster")
            scene = listed(URI)
        with ExitStack() as failing, READER.held(scene) as own:
            if fails:
                failing.enter_context(pytest.raises(UnreadableSceneError))
            own.profile(scene)
        (whole,) = made
        assert whole.file.closed
        assert not rasterio.shutil.exists(whole.file.name)

    def test_two_scenes_of_one_name_do_not_meet(self, broken: BrokenS3, scene: Scene, file: Path) -> None:
        write_scene(broken.object("bk/other/a.tif"), noise(3, 20, 30))
        other = listed("s3://bk/other/a.tif")
        with READER.held(scene) as first, READER.held(other) as second:
            assert (first.profile(scene).grid.width_px, second.profile(other).grid.width_px) == (280, 30)

    def test_a_call_that_is_still_on_keeps_what_it_reads(self, scene: Scene, made: list) -> None:
        begun, may_end = threading.Event(), threading.Event()
        results = []

        class Waiting:
            def profile_of(self, source: rasterio.DatasetReader, *_: object, **__: object) -> None:
                begun.set()
                may_end.wait()
                results.append(source.read(1).shape)

        own = HeldReader(Waiting(), scene, READER.access)  # type: ignore[arg-type]
        thread = threading.Thread(target=lambda: own.profile(scene))
        thread.start()
        begun.wait()
        own.end()
        assert not made[0].file.closed
        may_end.set()
        thread.join()
        assert results == [(300, 280)]
        assert made[0].file.closed

    def test_after_its_end_or_of_another_scene_nothing_is_read(self, scene: Scene) -> None:
        with BARE.held(scene) as own, pytest.raises(ValueError, match="is held"):
            own.profile(replace(scene, version="another"))
        with pytest.raises(ValueError, match="no longer held"):
            own.profile(scene)

    def test_it_is_its_own_held_reader(self, scene: Scene) -> None:
        with BARE.held(scene) as own, own.held(scene) as again:
            assert again is own


def test_threads_read_at_the_same_time_each_by_its_own_handle(
    broken: BrokenS3, scene: Scene, openings: list[Scene]
) -> None:
    barrier, found = threading.Barrier(4), []
    read = GeoTiffReader.read_of

    def meeting(*given: object) -> tuple[np.ndarray, np.ndarray]:
        barrier.wait(30)
        return read(*given)  # type: ignore[arg-type]

    def call(own: HeldReader, profile: SceneProfile) -> None:
        found.append(own.read(scene, profile, profile.grid.window)[0])

    with READER.held(scene) as own, patch.object(GeoTiffReader, "read_of", meeting):
        profile = own.profile(scene)
        threads = [threading.Thread(target=call, args=(own, profile)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert broken.requests() == {"GET bk/in/a.tif": 1}
    assert len(openings) == 4
    assert all(np.array_equal(pixels, noise(3, 300, 280)) for pixels in found)
    assert len(found) == 4
