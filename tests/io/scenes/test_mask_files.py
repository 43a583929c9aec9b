"""Masks beside a scene as other writers leave them, and no-data values that are only said of some bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import UnreadableSceneError
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.io.scenes.test_masks import NIR, P, V, rgb
from tests.kit.scenes import scene_of, scripted_bucket, write_scene

READER = GeoTiffReader()


def beside(path: Path, mask: np.ndarray, flags: str | None) -> None:
    """Write a .msk (bands, h, w) whose bands say these flags of themselves, if any."""
    said = {} if flags is None else {f"INTERNAL_MASK_FLAGS_{n}": flags for n in range(1, len(mask) + 1)}
    write_scene(path.with_name("m.tif"), mask, tags={"": said}).rename(f"{path}.msk")


@pytest.mark.parametrize("flags", [None, "", "0", "1", "4", "6", "8", "10", "of all"])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("nodata", [None, 3])
def test_a_mask_beside_a_scene_is_its_mask_whatever_it_says_of_itself(
    tmp_path: Path, flags: str | None, bands: int, nodata: int | None
) -> None:
    path = write_scene(tmp_path / "a.tif", P, photometric="RGB", nodata=nodata)
    beside(path, np.repeat((V * 255).astype(np.uint8)[None], bands, axis=0), flags)
    profile = READER.profile(scene_of(path))
    pixels, valid = READER.read(scene_of(path), profile, profile.grid.window)
    assert profile.mask.rule == "sidecar"
    np.testing.assert_array_equal(valid, V)
    np.testing.assert_array_equal(pixels, P * V)


def test_a_mask_beside_a_scene_is_looked_for_once_to_profile_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_scene(tmp_path / "b" / "a.tif", P)
    beside(path, (V * 255).astype(np.uint8)[None], "2")
    scene = Scene("a.tif", "s3://b/a.tif", "v1", path.stat().st_size, has_sidecars=True)
    with scripted_bucket(tmp_path) as (endpoint, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        profile = GeoTiffReader(access=BucketAccess({"b": "anonymous"})).profile(scene)
    requests = (tmp_path / "requests.log").read_text().splitlines()
    assert profile.mask.rule == "sidecar"
    assert [line.split()[1] for line in requests if line.endswith(" bytes=0-3")] == [
        "/b/a.tif.msk",
        "/b/a.tif.MSK",
    ]


@pytest.mark.parametrize("sides", [(20, 25), (80, 100), (40, 51)])
def test_a_mask_of_another_size_is_refused(tmp_path: Path, sides: tuple[int, int]) -> None:
    path = write_scene(tmp_path / "a.tif", P)
    beside(path, np.full((1, *sides), 255, dtype=np.uint8), "2")
    with pytest.raises(UnreadableSceneError, match=rf"mask \(.msk\) has {sides[0]} x {sides[1]} pixels"):
        READER.profile(scene_of(path))


def test_a_mask_without_a_band_for_each_of_the_scene_is_refused(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", P)
    beside(path, np.full((2, *V.shape), 255, dtype=np.uint8), None)
    with pytest.raises(UnreadableSceneError, match=r"in 2 band\(s\), the scene 40 x 50 in 3"):
        READER.profile(scene_of(path))


def declare(path: Path, *values: float) -> None:
    """Say the no-data values of the first bands in a sidecar, and nothing of the others."""
    said = "".join(
        f'<PAMRasterBand band="{band}"><NoDataValue>{value}</NoDataValue></PAMRasterBand>'
        for band, value in enumerate(values, start=1)
    )
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{said}</PAMDataset>")


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64", "int64", "uint64"])
def test_a_band_that_is_not_shown_needs_no_value(tmp_path: Path, kind: str) -> None:
    values = np.array([0, 255, 254])[:, None, None]
    path = write_scene(
        tmp_path / "a.tif", rgb(NIR, base=np.where(V, P, values), dtype=kind), photometric="RGB"
    )
    declare(path, 0, 255, 254)
    profile = READER.profile(scene_of(path))
    assert profile.mask.rule == "nodata"
    np.testing.assert_array_equal(READER.read(scene_of(path), profile, profile.grid.window)[1], V)


@pytest.mark.parametrize("values", [(-9999,), (0, -9999), (0, 0, -9999)])
def test_a_value_that_cannot_occur_is_noted_where_other_bands_have_none_or_others(
    tmp_path: Path, values: tuple[int, ...]
) -> None:
    path = write_scene(tmp_path / "a.tif", P)
    declare(path, *values)
    profile = READER.profile(scene_of(path))
    assert profile.mask.rule == "none"
    assert profile.notes == ("its no-data value -9999 cannot occur in uint8 samples and is ignored",)


@pytest.mark.parametrize("value", [2**62 - 1, 2**53 + 1, -(2**63)])
def test_values_of_the_whole_file_are_exact_too(tmp_path: Path, value: int) -> None:
    samples = np.where(V, np.int64(value) + P, np.int64(value))
    words = {"": {"NODATA_VALUES": f"{value} {value} {value}"}}
    path = write_scene(tmp_path / "a.tif", samples, tags=words)
    profile = READER.profile(scene_of(path))
    assert profile.mask.nodata == (value, value, value)
    np.testing.assert_array_equal(READER.read(scene_of(path), profile, profile.grid.window)[1], V)
