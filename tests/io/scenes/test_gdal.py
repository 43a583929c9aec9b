"""Opening scenes: nothing but the scene is opened, and object storage fails in words."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import RetryableError, UnreadableSceneError
from sgddiff_batch.io.scenes import gdal as gdal_access
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.storage.uris import gdal_path
from tests.kit.scenes import noise, read_all, scene_of, scripted_bucket, write_scene

pytestmark = pytest.mark.timeout(120)
READER = GeoTiffReader()


@pytest.fixture
def listener() -> socket.socket:
    """A port that must never be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server
        with pytest.raises(TimeoutError):
            server.accept()


def url_of(listener: socket.socket) -> str:
    return f"/vsicurl/http://127.0.0.1:{listener.getsockname()[1]}/secret.tif"


def vrt_of(listener: socket.socket, size: int, bands: int = 1, dtype: str = "Byte") -> str:
    flags = "".join(f'<MDI key="INTERNAL_MASK_FLAGS_{band}">2</MDI>' for band in (1, 2, 3))
    source = (
        f'<SimpleSource><SourceFilename relativeToVRT="0">{url_of(listener)}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource>"
    )
    rasters = "".join(
        f'<VRTRasterBand dataType="{dtype}" band="{band}">{source}</VRTRasterBand>'
        for band in range(1, bands + 1)
    )
    return (
        f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><Metadata>{flags}</Metadata>'
        f"{rasters}</VRTDataset>"
    )


class TestNothingElseIsOpened:
    def test_a_vrt_is_no_scene(self, tmp_path: Path, listener: socket.socket) -> None:
        (tmp_path / "a.tif").write_text(vrt_of(listener, 8))
        with pytest.raises(UnreadableSceneError):
            READER.profile(scene_of(tmp_path / "a.tif"))

    @pytest.mark.parametrize("suffix", [".msk", ".MSK"])
    def test_a_mask_that_is_a_vrt_is_refused(
        self, tmp_path: Path, listener: socket.socket, suffix: str
    ) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 8, 8))
        Path(f"{path}{suffix}").write_text(vrt_of(listener, 8))
        scene = Scene("a.tif", str(path), "v1", 1, has_sidecars=True)
        with pytest.raises(UnreadableSceneError, match="is no TIFF file"):
            READER.profile(scene)

    def test_overviews_that_are_a_vrt_are_never_looked_at(
        self, tmp_path: Path, listener: socket.socket
    ) -> None:
        samples = noise(3, 2100, 2100, "uint16")
        path = write_scene(tmp_path / "a.tif", samples)
        Path(f"{path}.ovr").write_text(vrt_of(listener, 1050, 3, "UInt16"))
        _, valid, _ = read_all(path)
        assert valid.all()

    def test_metadata_that_names_another_file_is_refused(
        self, tmp_path: Path, listener: socket.socket
    ) -> None:
        tags = {"OVERVIEWS": {"OVERVIEW_FILE": url_of(listener)}}
        path = write_scene(tmp_path / "a.tif", noise(3, 2000, 10, "uint16"), tags=tags)
        with pytest.raises(UnreadableSceneError, match="refers to another file"):
            READER.profile(scene_of(path))

    def test_so_is_that_of_a_sidecar(self, tmp_path: Path, listener: socket.socket) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 2000, 10, "uint16"))
        Path(f"{path}.aux.xml").write_text(
            '<PAMDataset><Metadata domain="OVERVIEWS">'
            f'<MDI key="OVERVIEW_FILE">{url_of(listener)}</MDI></Metadata></PAMDataset>'
        )
        with pytest.raises(UnreadableSceneError, match="refers to another file"):
            READER.profile(scene_of(path))

    def test_a_local_path_cannot_be_taken_for_a_network_one(self, listener: socket.socket) -> None:
        scene = Scene("x", url_of(listener), "v1", 1)
        assert gdal_path(scene.uri).startswith("/./vsicurl/")
        with pytest.raises(UnreadableSceneError, match="no such file"):
            READER.profile(scene)

    @pytest.mark.parametrize(
        "name",
        [
            "a?b.tif",
            "a#b.tif",
            "zip+s3:a!b.tif",
            "a\nb.tif",
            "%2e%2e.tif",
            "é ü.tif",
            "GTIFF_DIR:1:a.tif",
            " .tif",
        ],
    )
    def test_any_name_is_only_a_name(self, tmp_path: Path, name: str) -> None:
        path = write_scene(tmp_path / "plain.tif", noise(3, 8, 8)).rename(tmp_path / name)
        assert read_all(path)[1].all()

    def test_an_object_key_with_dots_is_not_asked_for(self) -> None:
        with pytest.raises(UnreadableSceneError, match="cannot be asked for safely"):
            READER.profile(Scene("x", "s3://bucket/a/../../other/secret.tif", "v1", 1))


class TestObjectStorage:
    @pytest.fixture
    def bucket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        write_scene(tmp_path / "b" / "d" / "a b.tif", noise(3, 512, 512), mask=np.eye(512) == 0)
        samples = np.random.default_rng(0).integers(0, 255, (3, 300, 300), dtype=np.uint8)
        write_scene(tmp_path / "b" / "a.tif", samples, interleave="pixel")
        with scripted_bucket(tmp_path) as (endpoint, script):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
            monkeypatch.setitem(gdal_access._OPTIONS, "GDAL_HTTP_RETRY_DELAY", "0.01")
            yield script

    def test_a_scene_reads_as_from_a_folder(self, tmp_path: Path, bucket: Path) -> None:
        scene = Scene("x", "s3://b/d/a b.tif", "v1", 1)
        profile = READER.profile(scene)
        pixels, valid = READER.read(scene, profile, profile.grid.window)
        expected, expected_valid, _ = read_all(tmp_path / "b" / "d" / "a b.tif")
        np.testing.assert_array_equal(pixels, expected)
        np.testing.assert_array_equal(valid, expected_valid)

    def test_any_key_is_only_a_name(self, tmp_path: Path, bucket: Path) -> None:
        for name in ("q?x=1#y.tif", "é&+%2e.tif", "visual", "scene.img", "d.e/a b", "x?y", "S.TIF"):
            write_scene(tmp_path / "b" / name, noise(3, 8, 8))
            assert READER.profile(Scene("x", f"s3://b/{name}", "v1", 1)).grid.width_px == 8

    def test_a_scene_without_sidecars_asks_for_nothing_else(self, tmp_path: Path, bucket: Path) -> None:
        READER.profile(Scene("x", "s3://b/a.tif", "v1", 1))
        requests = (tmp_path / "requests.log").read_text().splitlines()
        assert {line.split()[1] for line in requests} == {"/b/a.tif"}
        assert len(requests) <= 2

    @pytest.mark.parametrize(
        ("status", "error", "words"),
        [
            ("403", UnreadableSceneError, "access is denied"),
            ("404", UnreadableSceneError, "no such object"),
            ("429", RetryableError, "did not answer properly"),
            ("503", RetryableError, "did not answer properly"),
            ("500", RetryableError, "did not answer properly"),
        ],
    )
    def test_a_failure_is_what_it_is_and_is_forgotten(
        self, bucket: Path, status: str, error: type[Exception], words: str
    ) -> None:
        scene = Scene("x", "s3://b/a.tif", "v1", 1)
        bucket.write_text(status)
        with pytest.raises(error, match=words):
            READER.profile(scene)
        bucket.write_text("")
        assert READER.profile(scene).grid.width_px == 300

    def test_throttling_in_the_middle_of_a_read_is_retryable(self, bucket: Path) -> None:
        scene = Scene("x", "s3://b/a.tif", "v1", 1)
        profile = READER.profile(scene)
        bucket.write_text("late 503")
        with pytest.raises(RetryableError):
            READER.read(scene, profile, Window(250, 300, 0, 300))
        bucket.write_text("")
        assert READER.read(scene, profile, profile.grid.window)[1].all()
