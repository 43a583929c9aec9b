"""The harbour: what lies where in its picture."""

import numpy as np
import pytest

from jobs.demo.drawing.harbour import harbour

from .looking import seen

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def canvas():
    return harbour(np.random.default_rng(7))


def test_the_harbour_is_a_whole_picture_of_sound_numbers_in_the_frame_of_its_quay(canvas):
    assert canvas.shape == (1152, 1536)
    assert canvas.frame == (790.0, 690.0, -8.0)
    assert np.isfinite(canvas.pixels).all()


def test_water_lies_to_the_north_and_land_to_the_south(canvas):
    water, quay = seen(canvas, (-200, -600, 200, -520)), seen(canvas, (-360, 24, -290, 46))
    assert water[:, 2].mean() > water[:, 0].mean()
    assert quay.mean() > water.mean() + 40
    grass = seen(canvas, (-700, 350, 700, 390))
    assert grass[:, 1].mean() > grass[:, 2].mean() + 8


def test_ships_lie_along_the_quays_and_not_in_the_open_basin(canvas):
    tanker, open_water = seen(canvas, (-490, -260, -480, -150)), seen(canvas, (-200, -600, 200, -520))
    assert tanker[:, 0].mean() > open_water[:, 0].mean() + 20


def test_the_yard_is_full_of_containers_of_many_colours(canvas):
    yard = seen(canvas, (-370, 64, 220, 290))
    saturation = np.ptp(yard, axis=1)
    assert (saturation > 40).mean() > 0.1
    assert yard.std(axis=0).min() > 25


def test_white_boats_lie_in_the_marina(canvas):
    marina = seen(canvas, (425, -175, 695, -50))
    assert 0.05 < (marina.min(axis=1) > 170).mean() < 0.5
