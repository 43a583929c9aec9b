"""`sgddiff_batch.saliency`, over a network that is none: what it takes, gives and refuses."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401 - gives every DataArray its .rio
import xarray as xr

import sgddiff_batch
from sgddiff_batch import arrays
from sgddiff_batch.errors import SceneError
from tests.kit.networks import Brightness
from tests.kit.scenes import noise

BRIGHT = Brightness()
SMALL = {"network": BRIGHT, "tile_px": 96, "overlap_px": 32}


def brightness(samples: np.ndarray) -> np.ndarray:
    return np.minimum(samples[:3].mean(0), 254).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (95, 97), (201, 333)])
def test_any_size_has_a_code_for_each_pixel(shape):
    samples = noise(3, *shape)
    codes = sgddiff_batch.saliency(samples, **SMALL)
    assert (codes.dtype, codes.shape) == (np.uint8, shape)
    np.testing.assert_array_equal(codes, brightness(samples))


def test_what_is_larger_than_a_task_is_cut_into_several_and_has_the_same_bytes(monkeypatch):
    samples, tasks, plan = noise(3, 600, 500), [], arrays.plan_tasks
    whole = sgddiff_batch.saliency(samples, **SMALL)
    monkeypatch.setattr(arrays, "TASK_BYTES", 1)
    monkeypatch.setattr(arrays, "BLOCK_PX", 128)
    monkeypatch.setattr(arrays, "plan_tasks", lambda *them: tasks.extend(plan(*them)) or tasks)
    np.testing.assert_array_equal(sgddiff_batch.saliency(samples, **SMALL), whole)
    assert len(tasks) == 20


def test_where_there_is_no_data_the_code_is_255():
    samples = noise(3, 50, 60)
    mask = np.ones((50, 60), np.uint8)
    mask[10:20] = 0
    codes = sgddiff_batch.saliency(samples, mask=mask, **SMALL)
    np.testing.assert_array_equal(codes == 255, mask == 0)
    samples[:, 3] = 7
    codes = sgddiff_batch.saliency(samples, nodata=7, **SMALL)
    assert (codes[3] == 255).all()
    assert (sgddiff_batch.saliency(samples, mask=np.zeros((50, 60), bool), **SMALL) == 255).all()


def test_floats_that_are_no_numbers_have_no_data_and_change_nothing_else():
    samples = noise(3, 50, 60, "float32")
    holes = samples.copy()
    holes[0, :2], holes[1, 2:4], holes[2, 4:6] = np.nan, np.inf, -np.inf
    masked = np.ones((50, 60), bool)
    masked[:6] = False
    codes = sgddiff_batch.saliency(holes, **SMALL)
    np.testing.assert_array_equal(codes, sgddiff_batch.saliency(samples, mask=masked, **SMALL))
    assert (codes[:6] == 255).all()
    assert (sgddiff_batch.saliency(np.full((1, 9, 9), np.nan), **SMALL) == 255).all()


def test_bands_and_stretch_are_those_of_a_config():
    samples = noise(5, 40, 40, "uint16")
    codes = sgddiff_batch.saliency(samples, bands=(5, 2, 1), stretch="none", **SMALL)
    np.testing.assert_array_equal(codes, brightness(samples[[4, 1, 0]]))
    stretched = sgddiff_batch.saliency(samples, stretch=(0, 510), **SMALL)
    np.testing.assert_array_equal(stretched, brightness(np.floor(samples / 2 + 0.5)))


def test_an_array_of_the_other_order_of_bytes_or_of_every_other_pixel_is_the_same_array():
    samples = noise(3, 80, 90, "uint16")
    wanted = sgddiff_batch.saliency(np.ascontiguousarray(samples[:, ::2, ::2]), **SMALL)
    for other in (samples.astype(">u2")[:, ::2, ::2], samples[:, ::2, ::2]):
        np.testing.assert_array_equal(sgddiff_batch.saliency(other, **SMALL), wanted)


def scene(samples: np.ndarray, **coords: object) -> xr.DataArray:
    _, height, width = samples.shape
    found = xr.DataArray(
        samples,
        dims=("band", "y", "x"),
        coords={"y": 100.0 - np.arange(height), "x": 5.0 + np.arange(width), "band": [1, 2, 3], **coords},
    )
    return found.rio.write_crs(32633).rio.write_transform()


def test_a_data_array_gives_one_with_its_coordinates_and_crs():
    samples = noise(3, 50, 60)
    pixels = scene(samples, time=np.datetime64("2026-11-01", "ns")).rio.write_nodata(9)
    pixels[:, 3] = 9
    codes = sgddiff_batch.saliency(pixels, **SMALL)
    np.testing.assert_array_equal(codes, sgddiff_batch.saliency(pixels.to_numpy(), nodata=9, **SMALL))
    assert (codes[3] == 255).all()
    assert (codes.dims, codes.name, codes.rio.crs.to_epsg()) == (("y", "x"), "saliency", 32633)
    assert codes.rio.transform() == pixels.rio.transform()
    assert codes.rio.nodata == 255
    xr.testing.assert_equal(codes.x, pixels.x.drop_vars("band", errors="ignore"))
    assert "time" in codes.coords
    assert "band" not in codes.coords


def test_the_order_of_a_data_arrays_dimensions_does_not_matter_nor_whether_it_has_coordinates():
    samples = noise(3, 50, 60)
    turned = xr.DataArray(samples.transpose(1, 2, 0), dims=("y", "x", "band"))
    codes = sgddiff_batch.saliency(
        turned, mask=xr.DataArray(np.ones((50, 60), bool), dims=("y", "x")), **SMALL
    )
    np.testing.assert_array_equal(codes, brightness(samples))
    assert codes.rio.crs is None


def test_many_bands_of_a_narrow_picture_are_taken_where_three_are_named():
    samples = noise(8, 50, 3)
    codes = sgddiff_batch.saliency(samples, bands=(1, 2, 3), **SMALL)
    np.testing.assert_array_equal(codes, brightness(samples))


def test_a_mask_with_dimensions_is_laid_by_their_names():
    samples, there = noise(3, 50, 50), np.ones((50, 50), bool)
    there[:9] = False
    turned = xr.DataArray(there.T, dims=("x", "y"))
    np.testing.assert_array_equal(sgddiff_batch.saliency(samples, mask=turned, **SMALL) == 255, ~there)


@pytest.mark.parametrize(
    ("pixels", "error", "words"),
    [
        (np.zeros((4, 4), np.uint8), ValueError, r"\(4, 4\); of one band give pixels\[None\]"),
        (np.zeros((1, 3, 4, 4), np.uint8), ValueError, r"\(bands, h, w\)"),
        (np.zeros((3, 0, 4), np.uint8), ValueError, r"none of them 0"),
        (np.zeros((60, 80, 3), np.uint8), ValueError, r"look like \(h, w, bands\).*transpose\(2, 0, 1\)"),
        (np.zeros((3, 4, 4), bool), ValueError, "got bool"),
        (np.zeros((3, 4, 4), complex), ValueError, "got complex128"),
        (np.ma.masked_equal(np.zeros((3, 4, 4)), 0), TypeError, r"mask=~pixels\.mask"),
        ([[[1]]], TypeError, "numpy array or an xarray DataArray, got list"),
        (xr.DataArray(np.zeros((3, 4, 4)), dims=("c", "y", "x")), ValueError, r"'band', 'y', 'x'.*got \('c'"),
        (xr.DataArray(np.zeros((4, 4)), dims=("y", "x")), ValueError, r"expand_dims\('band'\)"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_to_give(pixels, error, words):
    with pytest.raises(error, match=words):
        sgddiff_batch.saliency(pixels, **SMALL)


@pytest.mark.parametrize(
    "settings",
    [
        {"mask": np.ones((4, 5), bool)},
        {"mask": np.ones((4, 4))},
        {"bands": (1, 2)},
        {"bands": "rgb"},
        {"stretch": (3, 3)},
        {"tile_px": 100},
        {"overlap_px": 96},
        {"overlap_px": -1},
    ],
    ids=str,
)
def test_a_setting_that_no_config_can_have_is_refused(settings):
    with pytest.raises(ValueError, match=r"mask must be|validation error"):
        sgddiff_batch.saliency(np.zeros((3, 4, 4), np.uint8), **(SMALL | settings))


def test_a_band_that_is_not_there_is_told():
    with pytest.raises(SceneError, match=r"it has 2 band\(s\)"):
        sgddiff_batch.saliency(np.zeros((2, 4, 4), np.uint8), bands=(1, 2, 3), **SMALL)
