"""A picture that shapes are painted on, with grain, and shadows of one sun."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.demo.drawing.canvas import Canvas
from jobs.demo.drawing.shapes import Thing, box

GREY = 120.0
RED = (200.0, 20.0, 10.0)


def _canvas(size=(60, 80), sun=(-0.6, -0.5)):
    return Canvas(np.random.default_rng(0), np.full((*size, 3), GREY, dtype=np.float32), sun)


def test_what_is_painted_has_its_colour_and_the_rest_stays():
    canvas = _canvas()
    canvas.paint([box(10, 10, 30, 30, RED)], grain=0.0)
    np.testing.assert_allclose(canvas.pixels[20, 20], RED, atol=1)
    assert (canvas.pixels[40:] == GREY).all()
    assert (canvas.pixels[:, 40:] == GREY).all()


def test_opacity_mixes_with_what_is_below():
    canvas = _canvas()
    canvas.paint([box(10, 10, 30, 30, RED)], grain=0.0, opacity=0.25)
    np.testing.assert_allclose(canvas.pixels[20, 20], 0.75 * GREY + 0.25 * np.array(RED), atol=1)


def test_nothing_painted_is_of_one_colour():
    canvas = _canvas()
    canvas.paint([box(0, 0, 80, 60, RED)], grain=0.05)
    assert float(canvas.pixels[..., 0].std()) == pytest.approx(0.05 * RED[0], rel=0.1)


def test_the_frame_moves_and_turns_what_is_painted():
    canvas = _canvas()
    canvas.frame = (40.0, 30.0, 90.0)
    canvas.paint([box(5, -2, 15, 2, RED)], grain=0.0)
    changed = np.argwhere((canvas.pixels != GREY).any(axis=2))
    assert changed.min(axis=0).tolist() == [35, 38]
    assert 44 <= changed[:, 0].max() <= 45
    assert 41 <= changed[:, 1].max() <= 42


@given(heading=st.floats(-360, 360))
def test_the_sun_of_the_frame_is_the_suns_own_way_seen_from_it(heading):
    canvas = _canvas((2, 2), sun=(-0.62, -0.5))
    canvas.frame = (7.0, 9.0, heading)
    (x, y), angle = canvas.frame_sun, np.deg2rad(heading)
    turned = (x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle))
    np.testing.assert_allclose(turned, canvas.sun, atol=1e-9)


def test_a_shade_darkens_what_is_below_it_and_leaves_a_little_blue():
    canvas = _canvas()
    canvas.shade([box(10, 10, 30, 30, RED)], strength=0.5, blur_px=0.0)
    red, green, blue = canvas.pixels[20, 20]
    assert red == pytest.approx(GREY / 2, abs=1)
    assert red < green < blue < GREY
    assert (canvas.pixels[40:] == GREY).all()


def test_a_thing_throws_its_shadow_the_way_of_the_sun_and_lies_on_it():
    canvas = _canvas(sun=(1.0, 0.0))
    square = box(20, 20, 30, 30, RED)
    canvas.put([Thing((square,), (square,), 12.0)], grain=0.0)
    np.testing.assert_allclose(canvas.pixels[25, 25], RED, atol=1)
    assert canvas.pixels[25, 36].max() < 0.7 * GREY
    assert canvas.pixels[25, 10].min() == GREY
    assert canvas.pixels[50, 36].min() == GREY


def test_foam_lets_the_ground_through_where_the_grain_is_low():
    canvas = _canvas()
    canvas.foam([box(0, 0, 80, 60, (255, 255, 255))], opacity=1.0, blur_px=0.0)
    low, high = canvas.grain < -1, canvas.grain > 1
    assert canvas.pixels[low].max() < GREY + 1
    assert canvas.pixels[high].mean() > 250


def test_an_area_takes_the_texture_at_its_own_place():
    canvas = _canvas()
    texture = np.random.default_rng(1).uniform(0, 255, canvas.pixels.shape).astype(np.float32)
    canvas.texture([box(10, 10, 30, 30, (0, 0, 0))], texture)
    np.testing.assert_allclose(canvas.pixels[12:28, 12:28], texture[12:28, 12:28], atol=1e-3)
    assert (canvas.pixels[40:] == GREY).all()


@pytest.mark.parametrize("level", [-50.0, 0.0, 400.0])
def test_a_developed_picture_is_bytes_that_are_never_no_data(level):
    canvas = _canvas()
    canvas.pixels[:] = level
    picture = canvas.develop()
    assert (picture.shape, picture.dtype) == ((3, 60, 80), np.uint8)
    assert picture.flags.c_contiguous
    assert picture.min() >= 1
    assert abs(float(picture.mean()) - min(max(level, 8.0), 254.5)) < 2


def test_the_same_seed_develops_the_same_bytes():
    first, again = (_canvas().develop() for _ in range(2))
    assert np.array_equal(first, again)
