"""The same samples give the same pixels, however they are stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp

from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import noise, scene_of, write_scene

READER = GeoTiffReader()
Writer = Callable[[Path, np.ndarray], Path]


def read(path: Path, reader: GeoTiffReader = READER) -> tuple[np.ndarray, np.ndarray]:
    scene = scene_of(path)
    profile = reader.profile(scene)
    return reader.read(scene, profile, profile.grid.window)


def speckle(side: int) -> np.ndarray:
    """A SAR-like amplitude, uint16 (1, side, side), with bright things in it."""
    rng = np.random.default_rng(5)
    signal = np.full((side, side), 400.0)
    signal[side // 3 : side // 3 + 30, 100:160] = 2600
    return np.rint(signal * np.sqrt(rng.exponential(1, (side, side)))).astype(np.uint16)[None]


def _cog(path: Path, samples: np.ndarray) -> Path:
    plain = write_scene(path.with_name("plain"), samples)
    rasterio.shutil.copy(plain, path, driver="COG", compress="zstd", overview_resampling="nearest")
    return path


def _with(text: str, suffix: str) -> Writer:
    def write(path: Path, samples: np.ndarray) -> Path:
        write_scene(path, samples)
        Path(f"{path}{suffix}").write_text(text)
        return path

    return write


def _all_valid(path: Path, samples: np.ndarray) -> Path:
    write_scene(path, samples)
    mask = np.full((1, *samples.shape[1:]), 255, dtype=np.uint8)
    write_scene(path.with_name("m.tif"), mask, tags={"": {"INTERNAL_MASK_FLAGS_1": "2"}}).rename(
        f"{path}.msk"
    )
    return path


def _overviews_beside(path: Path, samples: np.ndarray) -> Path:
    """Overviews that hold other samples than the scene: nothing may be taken from them."""
    write_scene(path, samples)
    write_scene(path.with_name("o.tif"), samples[:, ::2, ::2] * 3).rename(f"{path}.ovr")
    with rasterio.open(path) as source:
        assert source.overviews(1) == [2]
    return path


_STATISTICS = (
    '<PAMDataset><PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MINIMUM">1</MDI>'
    '<MDI key="STATISTICS_MAXIMUM">9</MDI></Metadata></PAMRasterBand></PAMDataset>\n'
)
STYLES: dict[str, Writer] = {
    "strips": lambda path, samples: write_scene(path, samples, tiled=False, blockysize=7),
    "tiles": lambda path, samples: write_scene(path, samples, tiled=True, blockxsize=256, blockysize=256),
    "overviews": lambda path, samples: write_scene(path, samples, overviews=[2, 4, 8]),
    "overviews beside": _overviews_beside,
    "COG": _cog,
    "statistics beside": _with(_STATISTICS, ".aux.xml"),
    "a mask beside that hides nothing": _all_valid,
    "big endian": lambda path, samples: write_scene(path, samples, endianness="big"),
    "BigTIFF, compressed": lambda path, samples: write_scene(path, samples, bigtiff="YES", compress="zstd"),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("side", [1100, 2100])
def test_the_stretch_is_that_of_the_samples(tmp_path: Path, style: str, side: int) -> None:
    samples = speckle(side)
    plain = READER.profile(scene_of(write_scene(tmp_path / "plain.tif", samples)))
    scene = scene_of(STYLES[style](tmp_path / "a.tif", samples))
    profile = READER.profile(scene)
    assert profile.stretch == plain.stretch
    low, high = np.percentile(samples, (2, 98))
    assert profile.stretch is not None
    assert (profile.stretch.low, profile.stretch.high) == pytest.approx((low, high), rel=0.02)


def test_a_huge_scene_is_sampled_over_all_of_it(tmp_path: Path) -> None:
    rows = np.arange(1, 9001, dtype=np.uint16)[:, None]
    path = write_scene(tmp_path / "a.tif", np.broadcast_to(rows, (1, 9000, 300)), compress="deflate")
    stretch = READER.profile(scene_of(path)).stretch
    assert stretch is not None
    assert (stretch.low, stretch.high) == pytest.approx((180, 8820), abs=800)


class TestFewBits:
    @pytest.mark.parametrize("bits", [2, 3, 4, 5, 7])
    @pytest.mark.parametrize("bands", [1, 3])
    def test_samples_of_few_bits_are_scaled_to_their_range(
        self, tmp_path: Path, bits: int, bands: int
    ) -> None:
        samples = noise(bands, 40, 50) >> (8 - bits)
        samples[:, 0, 0] = 2**bits - 1
        most = 2**bits - 1
        photometric = "RGB" if bands == 3 else "MINISBLACK"
        pixels, valid = read(write_scene(tmp_path / "a.tif", samples, nbits=bits, photometric=photometric))
        expected = np.floor(samples / most * 255 + 0.5)
        np.testing.assert_array_equal(pixels, np.broadcast_to(expected, (3, 40, 50)))
        assert valid.all()

    def test_twelve_bits_get_a_stretch_as_all_of_16_do(self, tmp_path: Path) -> None:
        samples = noise(3, 40, 50, "uint16") * 15
        path = write_scene(tmp_path / "a.tif", samples, nbits=12, photometric="RGB")
        assert READER.profile(scene_of(path)).stretch == Stretch(*np.percentile(samples, (2, 98)))

    def test_a_setting_of_the_user_counts_more(self, tmp_path: Path) -> None:
        samples = noise(1, 20, 20) >> 4
        path = write_scene(tmp_path / "a.tif", samples, nbits=4, photometric="MINISBLACK")
        np.testing.assert_array_equal(read(path, GeoTiffReader(stretch="none"))[0][0], samples[0])
        expected = np.minimum(samples[0].astype(int) * 51, 255)
        np.testing.assert_array_equal(read(path, GeoTiffReader(stretch=(0, 5)))[0][0], expected)


class TestWhiteIsZero:
    @pytest.mark.parametrize("bits", [2, 4, 8])
    def test_the_least_sample_is_white(self, tmp_path: Path, bits: int) -> None:
        samples = noise(1, 40, 50) >> (8 - bits)
        options = {} if bits == 8 else {"nbits": bits}
        pixels, _ = read(write_scene(tmp_path / "a.tif", samples, photometric="MINISWHITE", **options))
        expected = 255 - np.floor(samples[0] / (2**bits - 1) * 255 + 0.5)
        np.testing.assert_array_equal(pixels[0], expected)

    def test_16_bits_are_stretched_and_turned_round(self, tmp_path: Path) -> None:
        samples = noise(1, 40, 50, "uint16") * 200
        white = read(write_scene(tmp_path / "w.tif", samples, photometric="MINISWHITE"))[0]
        black = read(write_scene(tmp_path / "b.tif", samples, photometric="MINISBLACK"))[0]
        np.testing.assert_array_equal(white, 255 - black)

    def test_its_no_data_is_a_sample_and_stays_black(self, tmp_path: Path) -> None:
        samples = noise(1, 40, 50)
        samples[0, :9] = 0
        pixels, valid = read(write_scene(tmp_path / "a.tif", samples, photometric="MINISWHITE", nodata=0))
        np.testing.assert_array_equal(valid, samples[0] != 0)
        np.testing.assert_array_equal(pixels[0], np.where(valid, 255 - samples[0], 0))

    def test_with_alpha_the_gray_band_alone_is_turned_round(self, tmp_path: Path) -> None:
        samples = noise(2, 40, 50)
        samples[1] = np.where(samples[1] > 100, 255, 0)
        path = write_scene(tmp_path / "a.tif", samples, photometric="MINISWHITE", alpha="YES")
        with rasterio.open(path) as source:
            assert source.colorinterp[1] == ColorInterp.alpha
        pixels, valid = read(path)
        np.testing.assert_array_equal(valid, samples[1] > 0)
        np.testing.assert_array_equal(pixels[2], (255 - samples[0]) * valid)

    @pytest.mark.parametrize("photometric", ["MINISWHITE", "MINISBLACK"])
    def test_one_bit_is_shown_by_its_colours(self, tmp_path: Path, photometric: str) -> None:
        samples = noise(1, 40, 50) >> 7
        pixels, _ = read(write_scene(tmp_path / "a.tif", samples, nbits=1, photometric=photometric))
        ones = 0 if photometric == "MINISWHITE" else 255
        np.testing.assert_array_equal(pixels[0], np.where(samples[0], ones, 255 - ones))
