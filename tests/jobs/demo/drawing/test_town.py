"""The town: what lies where in its picture."""

import numpy as np
import pytest

from jobs.demo.drawing.town import town

from .looking import seen

GROUND = (-210.0, -190.0, 250.0, 190.0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def canvas():
    return town(np.random.default_rng(7))


def test_the_town_is_a_whole_picture_of_sound_numbers_and_runs_askew(canvas):
    assert canvas.shape == (1088, 1152)
    assert canvas.frame == (560.0, 530.0, 21.0)
    assert np.isfinite(canvas.pixels).all()


def test_the_running_track_is_red_around_a_green_field(canvas):
    track, field = seen(canvas, (-120, -132, -70, -121)), seen(canvas, (-132, -110, -112, -100))
    assert track[:, 0].mean() > track[:, 1].mean() + 20
    assert field[:, 1].mean() > field[:, 0].mean() + 5


def test_two_tennis_courts_are_blue_and_two_are_red(canvas):
    floors = [seen(canvas, (70 + 44 * i - 12, -152, 70 + 44 * i + 12, -142)) for i in range(4)]
    bluer = [bool(floor[:, 2].mean() > floor[:, 0].mean()) for floor in floors]
    assert bluer == [True, True, False, False]


def test_streets_are_grey_and_the_lawn_is_green(canvas):
    street, lawn = seen(canvas, (20, -550, 200, -542)), seen(canvas, (0, 20, 100, 30))
    assert np.ptp(street.mean(axis=0)) < 15
    assert lawn[:, 1].mean() > lawn[:, 2].mean() + 20


def test_the_baseball_field_has_clay(canvas):
    clay = seen(canvas, (92, 84, 98, 90))
    assert clay[:, 0].mean() > clay[:, 2].mean() + 40


def test_houses_stand_along_the_streets_and_none_on_the_sports_ground(canvas):
    built = seen(canvas, (-200, -350, 200, -230))
    green = seen(canvas, (-40, 20, 60, 30))
    assert built.std(axis=0).mean() > 2 * green.std(axis=0).mean()
