"""The coast as a satellite sees it, and the reflectances that are made of a picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.demo.drawing.coast import coast, reflectance

from .looking import seen

WHOLE = (0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def canvas():
    return coast(np.random.default_rng(7))


def _bands(colour, seed=0):
    """The mean reflectance of each band, of a picture of one colour."""
    picture = np.array(colour, dtype=np.uint8)[:, None, None].repeat(20, 1).repeat(20, 2)
    return reflectance(picture, np.random.default_rng(seed)).mean(axis=(1, 2))


@pytest.mark.slow
def test_land_lies_in_the_north_west_and_the_bay_in_the_south_east(canvas):
    assert canvas.shape == (1088, 1152)
    land, bay = seen(canvas, (350, 20, 650, 220), WHOLE), seen(canvas, (700, 700, 1100, 1050), WHOLE)
    assert land[:, 0].mean() > land[:, 2].mean() + 10
    assert bay[:, 2].mean() > bay[:, 0].mean() + 10
    assert land.std(axis=0).mean() > 2 * bay.std(axis=0).mean(), "fields differ and water does not"


@pytest.mark.slow
def test_ships_lie_in_the_bay(canvas):
    bay = seen(canvas, (430, 600, 1080, 1040), WHOLE)
    ships = (bay[:, 0] > bay[:, 2] + 5).mean()
    assert 0.0005 < ships < 0.05


def test_leaves_shine_in_the_near_infrared_and_water_is_black_there():
    red, green, _, infrared = _bands((50, 80, 40))
    assert infrared > 1.8 * max(red, green)
    red, _, blue, infrared = _bands((30, 48, 56))
    assert infrared < 0.5 * red < blue


def test_bright_ground_is_bright_in_all_bands():
    dark, bright = _bands((60, 60, 60)), _bands((200, 200, 200))
    assert (bright > 2 * dark).all()


@given(colour=st.tuples(*[st.integers(0, 255)] * 3), seed=st.integers(0, 99))
def test_reflectances_are_never_no_data_and_never_more_than_all_light(colour, seed):
    picture = np.array(colour, dtype=np.uint8)[:, None, None].repeat(3, 1).repeat(4, 2)
    bands = reflectance(picture, np.random.default_rng(seed))
    assert (bands.shape, bands.dtype) == ((4, 3, 4), np.uint16)
    assert bands.min() >= 1
    assert bands.max() <= 10000
    assert np.array_equal(bands, reflectance(picture, np.random.default_rng(seed)))
