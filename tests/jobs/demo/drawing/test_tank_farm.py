"""The tank farm: what lies where in its picture."""

import numpy as np
import pytest

from jobs.demo.drawing.tank_farm import tank_farm

from .looking import seen

BUNDS = (-480.0, -385.0, 380.0, 90.0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def canvas():
    return tank_farm(np.random.default_rng(7))


def test_the_tank_farm_is_a_whole_picture_of_sound_numbers(canvas):
    assert canvas.shape == (1216, 1280)
    assert canvas.frame == (620.0, 560.0, -6.0)
    assert np.isfinite(canvas.pixels).all()


def test_white_roofs_stand_in_the_bunds_and_not_in_the_woods(canvas):
    bunds, woods = seen(canvas, BUNDS), seen(canvas, (-740, -400, -540, 500))
    assert (bunds.min(axis=1) > 180).mean() > 0.1
    assert (woods.min(axis=1) > 180).mean() < 0.01


def test_a_tank_stands_in_the_middle_of_its_bund(canvas):
    # The first bund of the first row: 150 px wide from the farm's corner on.
    roof, ground = seen(canvas, (-435, -340, -375, -280)), seen(canvas, (-478, -382, -470, -374))
    assert roof.mean() > ground.mean() + 30


def test_woods_are_darker_than_the_ground_between_the_bunds(canvas):
    woods, works = seen(canvas, (-740, -400, -540, 500)), seen(canvas, (-480, 310, 360, 316))
    assert woods.mean() < works.mean() - 15
    assert woods[:, 1].mean() > woods[:, 2].mean()


def test_the_road_in_the_east_is_grey(canvas):
    road = seen(canvas, (508, -330, 514, -250))
    assert np.ptp(road.mean(axis=0)) < 25
