from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.masks import Mask
from sgddiff_batch.io.scenes.array_scene import SAMPLES, held_array
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import noise, read_all, write_scene

BARE = {"crs": None, "transform": None}


def read(samples, valid=None, nodata=None, reader=None):
    with held_array(samples, valid, nodata, reader or GeoTiffReader()) as (scene, held):
        profile = held.profile(scene)
        return *held.read(scene, profile, profile.grid.window), profile


@pytest.mark.parametrize("dtype", SAMPLES)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_an_array_is_read_as_the_file_of_the_same_samples(tmp_path, dtype, bands):
    samples = noise(bands, 37, 41, dtype) if dtype != "int8" else noise(bands, 37, 41).astype("int8")
    path = write_scene(tmp_path / "a.tif", samples, photometric="MINISBLACK", alpha="NO", **BARE)
    for got, wanted in zip(read(samples), read_all(path), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_mask_is_one_in_the_file_and_counts_before_a_value_of_no_data():
    samples, valid = noise(3, 20, 30), np.zeros((20, 30), bool)
    valid[3:9, 4:20] = True
    pixels, got, profile = read(samples, valid, nodata=float(samples[0, 5, 5]))
    np.testing.assert_array_equal(got, valid)
    np.testing.assert_array_equal(pixels, samples * valid)
    assert profile.mask == Mask("internal")


def test_a_value_of_no_data_decides_where_there_is_no_mask():
    samples = noise(3, 20, 30, "uint16")
    samples[:, 2:5] = 0
    samples[0, 7] = 0
    _, valid, _ = read(samples, nodata=0)
    assert not valid[2:5].any()
    assert valid[5:].all()


@pytest.mark.parametrize("nodata", [-9999, 256, 0.5, float("nan")])
def test_a_value_that_samples_cannot_have_is_ignored_as_a_files_is(nodata):
    _, valid, profile = read(noise(3, 20, 30), nodata=nodata)
    assert valid.all()
    assert profile.mask == Mask("none")


def test_what_is_not_finite_has_no_data():
    samples = noise(3, 20, 30, "float32")
    samples[1, 0, 0], samples[2, 1, 1], samples[0, 2, 2] = np.nan, np.inf, -np.inf
    _, valid, _ = read(samples)
    assert sorted(zip(*np.nonzero(~valid), strict=True)) == [(0, 0), (1, 1), (2, 2)]


def test_a_fourth_band_is_no_alpha():
    samples = noise(4, 20, 30)
    samples[3] = 0
    pixels, valid, _ = read(samples)
    assert valid.all()
    np.testing.assert_array_equal(pixels, samples[:3])


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (700, 1100)])
def test_any_size_is_read_whole(shape):
    samples = noise(3, *shape)
    np.testing.assert_array_equal(read(samples)[0], samples)


@pytest.mark.parametrize("dtype", ["bool", "float16", "complex64"])
def test_samples_that_no_scene_can_have_are_refused(dtype):
    with pytest.raises(ValueError, match=f"uint8.*float64, got {dtype}"):
        read(np.zeros((3, 4, 4), dtype))
