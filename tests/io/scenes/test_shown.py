"""What is shown of samples: by a palette, a stretch or as they are, in the order of red, green and blue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.radiometry import Stretch
from sgddiff_batch.core.scene import SceneProfile
from sgddiff_batch.errors import UnreadableSceneError, UnsupportedSceneError
from sgddiff_batch.io.scenes.shown import distinct, palette_table, to_uint8
from tests.kit.scenes import noise, write_scene

PLAIN = SceneProfile(Grid(4, 5), (1, 2, 3), "uint8", 1)
SAMPLES = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)


def test_a_band_is_read_once_however_often_it_is_shown():
    assert distinct((4, 2, 4)) == (4, 2)
    assert distinct((1, 1, 1)) == (1,)


def test_samples_of_uint8_are_shown_as_they_are_in_their_own_place():
    shown = to_uint8(SAMPLES, PLAIN, None)
    np.testing.assert_array_equal(shown, SAMPLES)
    assert np.shares_memory(shown, SAMPLES)


@pytest.mark.parametrize(("bands", "order"), [((4, 2, 4), (0, 1, 0)), ((7, 7, 7), (0, 0, 0))])
def test_a_band_that_is_shown_twice_has_memory_of_its_own_for_each(bands, order):
    shown = to_uint8(SAMPLES, replace(PLAIN, bands=bands), None)
    np.testing.assert_array_equal(shown, SAMPLES[list(order)])
    shown[0] = 0
    assert shown[2].any()
    assert SAMPLES[0].any()


def test_a_stretch_and_a_turn_are_applied():
    profile = replace(PLAIN, stretch=Stretch(0, 510), dtype="uint16")
    wide = SAMPLES.astype(np.uint16) * 2
    half = np.floor(wide / 510 * 255 + 0.5)
    np.testing.assert_array_equal(to_uint8(wide, profile, None), half)
    np.testing.assert_array_equal(to_uint8(wide, replace(profile, inverted=True), None), 255 - half)


def test_a_palette_gives_each_value_its_colour_and_black_to_those_without(tmp_path: Path):
    path = write_scene(
        tmp_path / "a.tif",
        SAMPLES[:1],
        photometric="palette",
        colormap={1: (10, 20, 30, 255), 2: (1, 2, 3, 0)},
    )
    with rasterio.open(path) as source:
        table = palette_table(source)
    assert table.shape == (3, 256)
    shown = to_uint8(SAMPLES[:1], replace(PLAIN, bands=(1, 1, 1), palette=True), table)
    assert shown.shape == (3, 4, 5)
    assert shown[:, 0, :4].T.tolist() == [[0, 0, 0], [10, 20, 30], [1, 2, 3], [0, 0, 0]]


@pytest.mark.parametrize(
    ("dtype", "error", "words"),
    [
        ("uint8", UnreadableSceneError, "palette, and it has none"),
        ("float32", UnsupportedSceneError, "only uint8 and uint16 can"),
    ],
)
def test_without_a_palette_or_of_samples_that_cannot_index_one_there_is_none(
    tmp_path: Path, dtype: str, error: type[Exception], words: str
):
    path = write_scene(tmp_path / "a.tif", noise(1, 9, 9, dtype))
    with rasterio.open(path) as source, pytest.raises(error, match=words):
        palette_table(source)
