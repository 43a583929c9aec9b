"""Seas with wind on them, wakes, clouds, and the open sea."""

import numpy as np
import pytest

from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.water import cloud, open_sea, wake, water

DEEP = (46.0, 74.0, 88.0)


def _sea(size=(160, 200), rough=0.05):
    return water(np.random.default_rng(0), size, DEEP, wind_deg=20.0, wave_px=12.0, rough=rough)


def _canvas(size=(160, 200)):
    return Canvas(np.random.default_rng(0), np.full((*size, 3), 60.0, dtype=np.float32))


def test_water_has_its_colour_and_is_never_black():
    sea = _sea()
    assert (sea.shape, sea.dtype) == ((160, 200, 3), np.float32)
    assert sea.min() >= 4
    red, green, blue = sea.mean(axis=(0, 1))
    assert red < green < blue
    assert blue == pytest.approx(DEEP[2], rel=0.3)


def test_the_rougher_the_water_the_more_its_brightness_varies():
    deviations = [float(_sea(rough=rough)[..., 2].std()) for rough in (0.02, 0.06, 0.12)]
    assert deviations == sorted(deviations)
    assert deviations[2] > 1.5 * deviations[0]


def test_a_wake_is_bright_behind_the_ship_and_leaves_the_frame_as_it_was():
    canvas = _canvas()
    canvas.frame = (1.0, 2.0, 3.0)
    wake(canvas, 150, 80, 0.0, 40.0)
    assert canvas.frame == (1.0, 2.0, 3.0)
    brighter = canvas.pixels[..., 0] - 60
    assert brighter[70:90, 90:130].mean() > 5
    assert np.abs(brighter[:, 180:]).max() == 0, "there is no foam ahead of the bow"


def test_a_stronger_wake_is_brighter():
    weak, strong = _canvas(), _canvas()
    wake(weak, 150, 80, 0.0, 40.0, strength=0.2)
    wake(strong, 150, 80, 0.0, 40.0, strength=0.9)
    assert strong.pixels.mean() > weak.pixels.mean() > 60


def test_a_cloud_is_white_and_its_shadow_lies_where_it_is_thrown():
    canvas = _canvas()
    cloud(canvas, 140, 110, 30, (-80, -60))
    white = canvas.pixels[..., 0] > 120
    assert white[70:150, 100:180].sum() == white.sum() > 50
    assert canvas.pixels[np.roll(white, (-60, -80), axis=(0, 1))].max() < 55
    assert (canvas.pixels[:20, 180:] == 60).all()


def test_the_open_sea_is_water_with_two_ships_and_a_cloud():
    canvas = open_sea(np.random.default_rng(7))
    assert canvas.shape == (1024, 1280)
    red, _, blue = np.moveaxis(canvas.pixels, 2, 0)
    assert (blue > red).mean() > 0.9
    for column, row in ((360, 350), (930, 730)):
        ship = canvas.pixels[row - 6 : row + 6, column - 6 : column + 6]
        assert (ship[..., 0] > ship[..., 2]).mean() > 0.3, "a deck is red where water is blue"
    assert canvas.pixels[255:285, 965:995].mean() > 130
