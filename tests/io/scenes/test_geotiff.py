"""Reading scenes: whatever an archive holds becomes uint8 RGB and validity, or a reason."""

from __future__ import annotations

import logging
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine

from sgddiff_batch.core.grid import IDENTITY
from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import SceneError, UnreadableSceneError, UnsupportedSceneError
from sgddiff_batch.io.scenes import geotiff as scenes_module
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import noise, read_all, scene_of, write_scene

pytestmark = pytest.mark.timeout(120)
READER = GeoTiffReader()


class TestPixels:
    def test_uint8_rgb_passes_as_it_is(self, tmp_path: Path) -> None:
        samples = noise(3, 40, 50)
        pixels, valid, profile = read_all(write_scene(tmp_path / "a.tif", samples))
        np.testing.assert_array_equal(pixels, samples)
        assert valid.all()
        assert (profile.stretch, profile.bands, profile.sample_bytes) == (None, (1, 2, 3), 1)

    def test_a_window_is_the_same_part_of_the_whole(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 90, 70, "uint16") * 40, nodata=40)
        pixels, valid, profile = read_all(path)
        for window in (Window(3, 90, 0, 70), Window(0, 1, 69, 70), Window(17, 50, 5, 6)):
            part, part_valid = READER.read(scene_of(path), profile, window)
            np.testing.assert_array_equal(part, pixels[:, *window.slices])
            np.testing.assert_array_equal(part_valid, valid[window.slices])

    def test_strips_do_not_change_a_pixel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 100, 64, "uint16"), blockysize=16, tiled=False)
        whole, _, profile = read_all(path)
        monkeypatch.setattr(scenes_module, "_STRIP_PX", 64 * 20)
        window = Window(5, 97, 3, 60)
        np.testing.assert_array_equal(
            READER.read(scene_of(path), profile, window)[0], whole[:, *window.slices]
        )

    def test_a_single_band_is_repeated(self, tmp_path: Path) -> None:
        samples = noise(1, 20, 20)
        pixels, _, _ = read_all(write_scene(tmp_path / "a.tif", samples))
        np.testing.assert_array_equal(pixels, samples.repeat(3, axis=0))

    def test_bands_come_by_the_setting(self, tmp_path: Path) -> None:
        samples = noise(4, 20, 20)
        path = write_scene(tmp_path / "a.tif", samples)
        pixels, _, profile = read_all(path, GeoTiffReader(bands=(4, 2, 4)))
        np.testing.assert_array_equal(pixels, samples[[3, 1, 3]])
        assert profile.bands == (4, 2, 4)
        assert GeoTiffReader(bands=(2,)).profile(scene_of(path)).bands == (2, 2, 2)

    def test_bands_come_by_colour_name(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 20, 20), photometric="minisblack")
        with rasterio.open(path, "r+") as source:
            source.colorinterp = [rasterio.enums.ColorInterp[name] for name in ("blue", "green", "red")]
        assert READER.profile(scene_of(path)).bands == (3, 2, 1)

    def test_a_palette_is_expanded_to_its_colours(self, tmp_path: Path) -> None:
        indices = np.array([[[0, 1], [2, 3]]], dtype=np.uint8)
        colours = {0: (9, 8, 7, 255), 1: (10, 20, 30, 255), 2: (40, 50, 60, 255), 3: (1, 2, 3, 255)}
        path = write_scene(tmp_path / "a.tif", indices, colormap=colours, photometric="palette", nodata=3)
        pixels, valid, profile = read_all(path)
        assert profile.palette
        assert pixels[:, 0, 1].tolist() == [10, 20, 30]
        assert not valid[1, 1]
        assert pixels[:, 1, 1].tolist() == [0, 0, 0]


class TestValidity:
    @pytest.mark.parametrize("style", ["nodata", "alpha", "internal", "external"])
    def test_every_style_of_mask_gives_the_same_pixels(self, tmp_path: Path, style: str) -> None:
        samples, inside = noise(3, 40, 40), np.zeros((40, 40), dtype=bool)
        inside[5:30, 8:] = True
        samples *= inside
        path = tmp_path / "a.tif"
        if style == "nodata":
            write_scene(path, samples, nodata=0)
        elif style == "alpha":
            write_scene(
                path, np.vstack([samples, inside[None] * np.uint8(255)]), photometric="rgb", alpha="yes"
            )
        elif style == "internal":
            write_scene(path, samples, mask=inside)
        else:
            write_scene(path, samples)
            mask = np.where(inside, 255, 0)[None].astype(np.uint8)
            flags = {f"INTERNAL_MASK_FLAGS_{band}": "2" for band in (1, 2, 3)}
            write_scene(tmp_path / "m.tif", mask, tags={"": flags}).rename(f"{path}.msk")
        pixels, valid, _ = read_all(path)
        np.testing.assert_array_equal(valid, inside)
        np.testing.assert_array_equal(pixels, samples)

    def test_not_a_number_in_any_shown_band_is_no_data(self, tmp_path: Path) -> None:
        samples = noise(4, 10, 10, "float32")
        samples[1, 2, 3], samples[0, 4, 4], samples[3, 9, 9] = np.nan, np.inf, np.nan
        pixels, valid, _ = read_all(write_scene(tmp_path / "a.tif", samples))
        assert (~valid).nonzero()[0].tolist() == [2, 4]
        assert pixels[:, 2, 3].tolist() == [0, 0, 0]
        assert valid[9, 9], "band 4 is not shown"

    def test_a_scene_without_a_valid_pixel_is_fine(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", np.zeros((3, 9, 9), dtype=np.uint16), nodata=0)
        pixels, valid, profile = read_all(path)
        assert not valid.any()
        assert not pixels.any()
        assert profile.stretch == Stretch(0, 1)


class TestStretch:
    def test_it_is_measured_on_valid_samples_of_all_three_bands(self, tmp_path: Path) -> None:
        samples = np.zeros((3, 100, 100), dtype=np.uint16)
        samples[:, 50:] = np.arange(5000).reshape(50, 100) + 1000
        samples[2, 50:] += 2000
        profile = READER.profile(scene_of(write_scene(tmp_path / "a.tif", samples, nodata=0)))
        low, high = np.percentile(samples[:, 50:], (2, 98))
        assert profile.stretch == Stretch(low, high)

    def test_a_setting_decides_it(self, tmp_path: Path) -> None:
        samples = np.array([[[0, 100, 255, 300]]], dtype=np.uint16)
        path = write_scene(tmp_path / "a.tif", samples)
        assert read_all(path, GeoTiffReader(stretch="none"))[0][0].tolist() == [[0, 100, 255, 255]]
        assert read_all(path, GeoTiffReader(stretch=(0, 510)))[0][0].tolist() == [[0, 50, 128, 150]]


class TestGrid:
    @pytest.mark.parametrize(
        "transform",
        [Affine(1, 0, 100, 0, 1, 200), Affine(17.3, 5, 100, 10, -8.7, 200)],
        ids=["bottom-up", "rotated"],
    )
    def test_a_transform_is_kept(self, tmp_path: Path, transform: Affine) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 8, 9), transform=transform)
        profile = READER.profile(scene_of(path))
        assert profile.grid.transform.coefficients == tuple(transform)[:6]
        assert (profile.grid.height_px, profile.grid.width_px) == (8, 9)
        assert profile.notes == ()
        assert profile.grid.crs_wkt is not None
        assert profile.grid.crs_wkt.startswith("PROJCRS")

    def test_no_crs_is_told_and_the_transform_kept(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 8, 9), crs=None)
        profile = READER.profile(scene_of(path))
        assert profile.grid.crs_wkt is None
        assert profile.grid.transform != IDENTITY
        assert profile.notes[0].startswith("no CRS: coordinates follow the scene's transform")

    def test_neither_crs_nor_transform_is_pixel_coordinates(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 8, 9), crs=None, transform=None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            profile = READER.profile(scene_of(path))
        assert profile.grid.transform == IDENTITY
        assert profile.notes == ("no CRS: the mosaic is in pixel coordinates",)
        assert not caught, "rasterio's warning is not for the user"

    def test_control_points_alone_are_pixel_coordinates(self, tmp_path: Path) -> None:
        points = [GroundControlPoint(r, c, 10 + c, 50 - r) for r, c in ((0, 0), (0, 8), (7, 0), (7, 8))]
        path = write_scene(tmp_path / "a.tif", noise(3, 8, 9), transform=None, gcps=points, crs="EPSG:4326")
        profile = READER.profile(scene_of(path))
        assert (profile.grid.transform, profile.grid.crs_wkt) == (IDENTITY, None)
        assert "ground control points only" in profile.notes[0]

    def test_a_singular_transform_is_pixel_coordinates(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 8, 9), transform=Affine(1, 2, 3, 2, 4, 5))
        profile = READER.profile(scene_of(path))
        assert profile.grid.transform == IDENTITY
        assert "not usable" in profile.notes[0]


class TestRefusals:
    def test_complex_samples_are_no_imagery(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", np.ones((1, 4, 4), dtype=np.complex64))
        with pytest.raises(UnsupportedSceneError, match="complex"):
            READER.profile(scene_of(path))

    def test_too_many_pixels_are_told_with_both_numbers(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 10, 11))
        with pytest.raises(UnsupportedSceneError, match=r"10 x 11 = 110 pixels; at most 109"):
            GeoTiffReader(max_scene_px=109).profile(scene_of(path))

    def test_a_gigantic_tile_is_refused_before_it_is_decoded(self, tmp_path: Path) -> None:
        options = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}
        path = write_scene(tmp_path / "a.tif", np.zeros((1, 8, 8), dtype=np.uint8), **options)
        edited = bytearray(path.read_bytes())
        for tag in (256, 257, 322, 323):  # width and height, of the scene and of its tile
            place = edited.find(tag.to_bytes(2, "little") + b"\3\0")
            assert place > 0
            edited[place + 8 : place + 10] = (30000).to_bytes(2, "little")
        path.write_bytes(edited)
        with pytest.raises(UnsupportedSceneError, match="decodes to 900000000 bytes; at most"):
            READER.profile(scene_of(path))

    def test_a_band_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 4, 4))
        with pytest.raises(UnsupportedSceneError, match=r"3 band.*\[4, 3, 2\]"):
            GeoTiffReader(bands=(4, 3, 2)).profile(scene_of(path))

    @pytest.mark.parametrize(
        "content", [b"", b"hello", b"II*\0", b"II*\0\xff\xff\xff\xff", b"\x89PNG\r\n\x1a\n"]
    )
    def test_what_is_no_tiff_is_unreadable(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.tif").write_bytes(content)
        with pytest.raises(UnreadableSceneError, match="opening it failed: "):
            READER.profile(scene_of(tmp_path / "a.tif"))

    def test_a_file_that_went_away_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableSceneError, match="no such file"):
            READER.profile(scene_of(tmp_path / "a.tif"))

    @pytest.mark.parametrize("compress", ["jpeg", "deflate", "lzw", "zstd", "webp", None])
    def test_a_cut_off_scene_never_gives_pixels(self, tmp_path: Path, compress: str | None) -> None:
        options = {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "pixel"}
        path = write_scene(tmp_path / "a.tif", noise(3, 512, 512), compress=compress, **options)
        scene, profile = scene_of(path), READER.profile(scene_of(path))
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
        with pytest.raises(UnreadableSceneError, match="rows 0 to 512, columns 0 to 512"):
            READER.read(scene, profile, profile.grid.window)

    @pytest.mark.parametrize("level", [logging.WARNING, logging.CRITICAL])
    def test_a_jpeg_that_ends_inside_a_tile_never_gives_grey(self, tmp_path: Path, level: int) -> None:
        path = write_scene(
            tmp_path / "a.tif",
            np.random.default_rng(0).integers(0, 255, (3, 256, 256), dtype=np.uint8),
            compress="jpeg",
            photometric="ycbcr",
            interleave="pixel",
            tiled=True,
        )
        data = bytearray(path.read_bytes())
        data[len(data) * 2 // 3 :] = bytes(len(data) - len(data) * 2 // 3)
        path.write_bytes(data)
        profile = READER.profile(scene_of(path))
        logger = logging.getLogger("rasterio")
        before = logger.level
        logger.setLevel(level)
        try:
            with pytest.raises(UnreadableSceneError, match="the file is damaged"):
                READER.read(scene_of(path), profile, profile.grid.window)
        finally:
            logger.setLevel(before)

    def test_a_scene_that_changed_since_its_profile_is_refused(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", noise(3, 10, 10))
        profile = READER.profile(scene_of(path))
        write_scene(path, noise(3, 10, 12))
        with pytest.raises(UnreadableSceneError, match="was 10 x 10 uint8, and is 10 x 12"):
            READER.read(scene_of(path), profile, Window(0, 10, 0, 10))

    def test_settings_that_make_no_sense_are_refused(self) -> None:
        for wrong in ({"bands": (1, 2)}, {"bands": (0, 1, 2)}, {"stretch": (5.0, 5.0)}, {"stretch": "best"}):
            with pytest.raises(ValueError, match=r"bands must|stretch"):
                GeoTiffReader(**wrong)


def test_a_reader_can_be_pickled_and_shared_by_threads(tmp_path: Path) -> None:
    reader = pickle.loads(pickle.dumps(READER))
    paths = [write_scene(tmp_path / f"{n}.tif", noise(3, 64, 64, seed=n)) for n in range(4)]
    (tmp_path / "bad.tif").write_bytes(b"II*\0nothing")
    barrier = threading.Barrier(4)

    def work(path: Path) -> bool:
        barrier.wait()
        for _ in range(20):
            with pytest.raises(SceneError):
                reader.profile(scene_of(tmp_path / "bad.tif"))
            with rasterio.Env(), rasterio.open(path) as source:
                expected = source.read()
            if not np.array_equal(read_all(path, reader)[0], expected):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, paths))


@pytest.mark.data
class TestRealScenes:
    UNREADABLE = ("corrupt.tif", "DERIVED_truncated_oam_2048.tif")

    def test_all_but_the_broken_ones_are_readable(self, data_root: Path) -> None:
        paths = sorted((data_root / "scenes").rglob("*.tif"))
        for path in paths:
            if path.name in self.UNREADABLE:
                with pytest.raises(UnreadableSceneError, match=r"reading rows .*Read error at"):
                    read_all(path)
            else:
                pixels, valid, _ = read_all(path)
                assert not pixels[:, ~valid].any()

    def test_four_styles_of_mask_show_the_same_pixels(self, data_root: Path) -> None:
        stem = data_root / "scenes" / "real" / "201404_13SED190110_201404_0x1500m_CL_1"
        plain, plain_valid, _ = read_all(Path(f"{stem}.tif"))
        assert plain_valid.all()
        for style in ("alpha", "nodata", "extmask"):
            pixels, valid, _ = read_all(Path(f"{stem}_{style}.tif"))
            assert 0.8 < valid.mean() < 1, style
            np.testing.assert_array_equal(pixels, plain * valid, err_msg=style)
