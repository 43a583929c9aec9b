"""Which pixels of a scene have data: one rule, exact to the pixel, whatever else the file holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from sgddiff_batch.io.scenes import masks
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import noise, scene_of, write_scene

READER = GeoTiffReader()
HEIGHT, WIDTH = 40, 50
P = noise(3, HEIGHT, WIDTH)  # from 1 to 249
NIR = noise(1, HEIGHT, WIDTH, seed=9)


def holes() -> np.ndarray:
    """Validity (h, w): a corner, a rectangle and single pixels are not valid."""
    valid = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) > 12
    valid[20:28, 30:41] = False
    valid[5, WIDTH - 7] = valid[HEIGHT - 1, WIDTH - 1] = valid[HEIGHT - 9, 3] = False
    return valid


V = holes()
ALPHA = (V[None] * 255).astype(np.uint8)
ZEROED = P * V


@dataclass(frozen=True)
class Stored:
    """A scene: samples (bands, h, w), how they are written, what the bands are called, the expected rule."""

    samples: np.ndarray
    rule: str
    names: tuple[str, ...] = ()
    valid: np.ndarray = field(default_factory=lambda: V)
    options: dict[str, Any] = field(default_factory=dict)


def rgb(*more: np.ndarray, base: np.ndarray = P, dtype: str = "uint8") -> np.ndarray:
    return np.concatenate([base, *more]).astype(dtype)


ALL = np.ones_like(V)
RGB = {"photometric": "RGB"}
NAMED = ("red", "green", "blue")
WET = np.where(P[:1] < 80, 0, NIR).astype(np.uint8)
LOST = np.where(V, P, -10000).astype(np.float32)
SCENES = {
    "rgba": Stored(rgb(ALPHA), "alpha", options={**RGB, "alpha": "YES"}),
    "rgba, no data 255 beside": Stored(rgb(ALPHA), "alpha", options={**RGB, "alpha": "YES", "nodata": 255}),
    "rgba, no data 0, black in it": Stored(
        rgb(ALPHA, base=P * (P > 90)), "alpha", options={**RGB, "alpha": "YES", "nodata": 0}
    ),
    "alpha of 0 and 1": Stored(rgb(ALPHA // 255), "alpha", options={**RGB, "alpha": "YES"}),
    "alpha of shades": Stored(rgb(np.where(V, P[:1], 0)), "alpha", options={**RGB, "alpha": "YES"}),
    "alpha in band 5": Stored(rgb(NIR, ALPHA), "alpha", (*NAMED, "undefined", "alpha"), options=RGB),
    "alpha in band 2 of 5": Stored(
        np.concatenate([P[:1], ALPHA, P[1:], NIR]), "alpha", ("red", "alpha", "green", "blue", "undefined")
    ),
    "alpha first": Stored(np.concatenate([ALPHA, P]), "alpha", ("alpha", *NAMED)),
    "gray and alpha, no data 0": Stored(
        np.concatenate([P[:1], ALPHA]), "alpha", options={"alpha": "YES", "nodata": 0}
    ),
    "alpha and gray": Stored(np.concatenate([ALPHA, P[:1]]), "alpha", ("alpha", "gray")),
    "int16 alpha": Stored(rgb(ALPHA, dtype="int16"), "alpha", options={**RGB, "alpha": "YES"}),
    "int32 alpha, no data -1": Stored(
        rgb(ALPHA.astype("int32") * 9999, dtype="int32"),
        "alpha",
        options={**RGB, "alpha": "YES", "nodata": -1},
    ),
    "float64 alpha of 0 and 0.5": Stored(
        rgb(ALPHA / 510, dtype="float64"), "alpha", options={**RGB, "alpha": "YES"}
    ),
    "float32 alpha, no data -10000": Stored(
        rgb(V[None], base=LOST, dtype="float32"), "alpha", options={**RGB, "alpha": "YES", "nodata": -10000}
    ),
    "rgbn, infrared 0": Stored(rgb(WET), "nodata", valid=ALL, options={**RGB, "nodata": 0}),
    "rgbn, only in rgb": Stored(rgb(NIR, base=ZEROED), "nodata", options={**RGB, "nodata": 0}),
    "one shown band 0": Stored(
        np.stack([P[0] * V, P[1], P[2]]), "nodata", valid=ALL, options={**RGB, "nodata": 0}
    ),
    "gray, no data 0": Stored(ZEROED[:1], "nodata", options={"nodata": 0}),
    "planes apart": Stored(
        rgb(NIR, base=ZEROED), "nodata", options={**RGB, "nodata": 0, "interleave": "band"}
    ),
    "int16, no data -32768": Stored(
        np.where(V, P.astype(np.int16), -32768), "nodata", options={**RGB, "nodata": -32768}
    ),
    "float32, not a number": Stored(
        np.where(V, P, np.nan).astype(np.float32), "nodata", options={**RGB, "nodata": np.nan}
    ),
    "float32, the least": Stored(
        np.where(V, P, np.finfo(np.float32).min).astype(np.float32),
        "nodata",
        options={**RGB, "nodata": float(np.finfo(np.float32).min)},
    ),
    "a value for each band": Stored(
        np.where(V, P, np.array([0, 255, 254])[:, None, None]).astype(np.uint8),
        "nodata",
        options={**RGB, "tags": {"": {"NODATA_VALUES": "0 255 254"}}},
    ),
    "half of a sample": Stored(P, "none", valid=ALL, options={**RGB, "nodata": 0.5}),
    "no data 255 in 4 bits": Stored(P // 16, "none", valid=ALL, options={**RGB, "nbits": 4, "nodata": 255}),
    "no data 15 in 4 bits": Stored(
        np.where(V, np.minimum(P // 16, 14), 15).astype(np.uint8),
        "nodata",
        options={**RGB, "nbits": 4, "nodata": 15},
    ),
    "a mask in it": Stored(P, "internal", options={**RGB, "mask": V}),
    "a mask in it, no data beside": Stored(P, "internal", options={**RGB, "mask": V, "nodata": 3}),
    "a mask in it, alpha beside": Stored(
        rgb(255 - ALPHA), "internal", options={**RGB, "alpha": "YES", "mask": V}
    ),
    "nothing": Stored(P, "none", valid=ALL, options=RGB),
}


def write(path: Path, stored: Stored) -> Path:
    write_scene(path, stored.samples, **stored.options)
    if stored.names:
        with rasterio.open(path, "r+") as target:
            target.colorinterp = [ColorInterp[name] for name in stored.names]
    return path


@pytest.mark.parametrize("name", SCENES)
def test_the_rule_decides_each_pixel(tmp_path: Path, name: str) -> None:
    stored = SCENES[name]
    scene = scene_of(write(tmp_path / "a.tif", stored))
    profile = READER.profile(scene)
    pixels, valid = READER.read(scene, profile, profile.grid.window)
    assert profile.mask.rule == stored.rule
    np.testing.assert_array_equal(valid, stored.valid)
    assert not pixels[:, ~valid].any()


WITNESSED = [
    "rgba",
    "gray, no data 0",
    "int16, no data -32768",
    "float32, the least",
    "float32, not a number",
    "a value for each band",
    "a mask in it",
    "nothing",
]


@pytest.mark.parametrize("name", WITNESSED)
def test_gdal_says_the_same_where_it_goes_by_the_same_rule(tmp_path: Path, name: str) -> None:
    with rasterio.open(write(tmp_path / "a.tif", SCENES[name])) as source:
        np.testing.assert_array_equal(source.dataset_mask() > 0, SCENES[name].valid)


def sidecar(path: Path, mask: np.ndarray, flags: int = 2, bands: int = 3) -> None:
    tags = {"": {f"INTERNAL_MASK_FLAGS_{band}": str(flags) for band in range(1, bands + 1)}}
    write_scene(path.with_name("m.tif"), mask, tags=tags).rename(f"{path}.msk")


class TestSidecars:
    def test_a_mask_beside_a_scene_counts_before_its_alpha_and_no_data(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", rgb(255 - ALPHA), **RGB, alpha="YES", nodata=3)
        sidecar(path, ALPHA, bands=4)
        profile = READER.profile(scene_of(path))
        assert profile.mask.rule == "sidecar"
        np.testing.assert_array_equal(READER.read(scene_of(path), profile, profile.grid.window)[1], V)

    def test_of_one_inside_and_one_beside_the_one_inside_counts(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", P, mask=V)
        sidecar(path, 255 - ALPHA)
        profile = READER.profile(scene_of(path))
        assert profile.mask.rule == "internal"
        np.testing.assert_array_equal(READER.read(scene_of(path), profile, profile.grid.window)[1], V)

    def test_with_a_mask_a_band_any_shown_band_lets_a_pixel_through(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", rgb(NIR))
        left, top = np.zeros((2, HEIGHT, WIDTH), dtype=np.uint8)
        left[:, :20], top[:9] = 255, 255
        sidecar(path, np.stack([left, top, left, np.full_like(left, 255)]), flags=0, bands=4)
        profile = READER.profile(scene_of(path))
        assert profile.mask.rule == "sidecar"
        _, valid = READER.read(scene_of(path), profile, profile.grid.window)
        np.testing.assert_array_equal(valid, (left | top) > 0)


class TestNotes:
    @pytest.mark.parametrize(
        ("kind", "said"), [("uint8", "-9999"), ("uint16", "-1.000"), ("int16", "99999.")]
    )
    def test_a_value_that_no_sample_can_have_is_ignored_and_noted(
        self, tmp_path: Path, kind: str, said: str
    ) -> None:
        # rasterio refuses to write such a file; others do.
        path = write_scene(tmp_path / "a.tif", P.astype(kind), photometric="RGB", nodata=7)
        value = f"{float(said):g}"
        set_nodata_text(path, value)
        profile = READER.profile(scene_of(path))
        assert profile.mask.rule == "none"
        assert profile.notes == (f"its no-data value {value} cannot occur in {kind} samples and is ignored",)
        assert READER.read(scene_of(path), profile, profile.grid.window)[1].all()

    def test_too_many_bits_are_noted(self, tmp_path: Path) -> None:
        path = write_scene(tmp_path / "a.tif", P // 16, photometric="RGB", nbits=4, nodata=255)
        assert READER.profile(scene_of(path)).notes == (
            "its no-data value 255 cannot occur in 4-bit uint8 samples and is ignored",
        )

    @pytest.mark.parametrize(("kind", "asked"), [("uint8", 0), ("int16", 0), ("int64", 1)])
    def test_gdal_is_asked_for_what_rasterio_does_not_tell_only_where_it_may_be_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, asked: int
    ) -> None:
        calls: list[str] = []
        monkeypatch.setattr(masks, "_undisclosed", lambda source: calls.append(source.name) or {})
        READER.profile(scene_of(write_scene(tmp_path / "without.tif", P.astype(kind), photometric="RGB")))
        READER.profile(scene_of(write_scene(tmp_path / "with.tif", P.astype(kind), nodata=7)))
        assert calls == [str(tmp_path / "with.tif")] * asked
        set_nodata_text(tmp_path / "with.tif", "99999")
        READER.profile(scene_of(tmp_path / "with.tif"))
        assert len(calls) == 1 + asked

    def test_a_value_that_can_occur_is_not_noted(self, tmp_path: Path) -> None:
        assert READER.profile(scene_of(write_scene(tmp_path / "a.tif", P, nodata=7))).notes == ()


def set_nodata_text(path: Path, text: str) -> None:
    """Write another GDAL_NODATA (tag 42113) over that of a little-endian TIFF, in a new place at its end."""
    data = bytearray(path.read_bytes())
    entry = data.find((42113).to_bytes(2, "little") + (2).to_bytes(2, "little"))
    assert entry > 0
    words = text.encode() + b"\0"
    data[entry + 4 : entry + 8] = len(words).to_bytes(4, "little")
    if len(words) <= 4:
        data[entry + 8 : entry + 12] = words.ljust(4, b"\0")
    else:
        data[entry + 8 : entry + 12] = len(data).to_bytes(4, "little")
        data += words
    path.write_bytes(data)


@pytest.mark.parametrize("nodata", [None, -9999])
def test_of_many_bands_only_those_that_are_shown_are_read(tmp_path: Path, nodata: int | None) -> None:
    """A damaged block of another band, in a file of planes, is not even looked at."""
    samples = np.random.default_rng(1).integers(1, 999, (40, 64, 64)).astype(np.int16)
    path = write_scene(
        tmp_path / "a.tif", samples, interleave="band", nodata=nodata, compress="deflate", tiled=True,
        blockxsize=64, blockysize=64,
    )  # fmt: skip
    path.write_bytes(path.read_bytes()[:-2000])  # of the last band
    reader = GeoTiffReader(bands=(3, 2, 1))
    profile = reader.profile(scene_of(path))
    _, valid = reader.read(scene_of(path), profile, profile.grid.window)
    assert valid.all()
    with rasterio.open(path) as source, pytest.raises(rasterio.errors.RasterioIOError):
        source.read(40)
