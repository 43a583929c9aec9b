"""The airfield: what lies where in its picture."""

import numpy as np
import pytest

from jobs.demo.drawing.airfield import airfield

from .looking import seen

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def canvas():
    return airfield(np.random.default_rng(7))


def test_the_airfield_is_a_whole_picture_of_sound_numbers(canvas):
    assert canvas.shape == (1280, 1536)
    assert np.isfinite(canvas.pixels).all()
    assert canvas.pixels.std() > 20


def test_the_runway_is_grey_and_the_land_beside_it_green(canvas):
    runway, grass = seen(canvas, (100, -358, 500, -345)), seen(canvas, (100, -480, 500, -440))
    assert np.ptp(runway.mean(axis=0)) < 12
    assert grass[:, :2].mean() > grass[:, 2].mean() + 15


def test_the_runway_has_a_painted_line_along_its_middle(canvas):
    line, beside = seen(canvas, (100, -363, 600, -362)), seen(canvas, (100, -352, 600, -351))
    assert (line.mean(axis=1) > 150).mean() > 0.3
    assert (beside.mean(axis=1) > 150).mean() < 0.05


def test_the_apron_is_brighter_than_the_runway_and_holds_white_aircraft(canvas):
    apron, runway = seen(canvas, (-500, -60, 540, 30)), seen(canvas, (100, -358, 500, -345))
    assert np.median(apron) > np.median(runway) + 25
    assert (apron.min(axis=1) > 195).mean() > 0.02


def test_an_aircraft_stands_on_the_runway(canvas):
    body = seen(canvas, (-350, -364, -310, -362))
    assert np.median(body.mean(axis=1)) > 170


def test_the_terminals_roof_is_brighter_than_the_road_before_it(canvas):
    roof, road = seen(canvas, (-400, 266, 150, 286)), seen(canvas, (-400, 336, 150, 346))
    assert roof.mean() > road.mean() + 40
