"""Roofs, tanks, trees and courts, about the origin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.demo.drawing.buildings import building, court, grove, running_track, tank, tree
from jobs.demo.drawing.shapes import bounds

GREY = (150.0, 150.0, 150.0)
GREEN = (66.0, 82.0, 52.0)
SUN = (-0.6, -0.5)


def _rng(seed=0):
    return np.random.default_rng(seed)


def _light(shape):
    return sum(shape.colour)


@given(width=st.floats(10, 200), depth=st.floats(10, 100), height=st.floats(1, 20))
def test_a_roof_lies_on_its_outline_and_casts_the_shadow_of_its_height(width, depth, height):
    house = building(_rng(), width, depth, GREY, height)
    assert bounds(house.outline) == (-width / 2, -depth / 2, width / 2, depth / 2)
    x0, y0, x1, y1 = bounds(house.shapes)
    assert (x0, y0, y1) == (-width / 2, -depth / 2, depth / 2)
    assert x1 <= width / 2 + 0.5 + 1e-9, "a seam is half a pixel wide"
    assert house.height_px == height


def test_a_ridge_parts_a_dark_side_from_a_light_one_and_a_flat_roof_has_plant():
    ridged, flat = (building(_rng(), 60, 30, GREY, ridged=ridged) for ridged in (True, False))
    outline, far_side, ridge = ridged.shapes[:3]
    assert _light(far_side) < _light(outline) < _light(ridge)
    sizes = [bounds([shape]) for shape in flat.shapes[2:]]
    assert len(sizes) >= 4
    assert max(x1 - x0 for x0, _, x1, _ in sizes) < 6


@pytest.mark.parametrize("floating", [False, True])
def test_a_tank_is_round_and_its_roof_stays_within_its_wall(floating):
    thing = tank(_rng(), 30.0, SUN, floating)
    assert bounds(thing.outline) == pytest.approx((-30, -30, 30, 30), abs=0.2)
    points = np.concatenate([shape.points for shape in thing.shapes])
    assert np.hypot(*points.T).max() < 32, "stairs run around the wall"


def test_a_cone_is_brightest_where_it_looks_into_the_sun():
    thing = tank(_rng(), 30.0, (-1.0, 0.0))
    cone = [shape for shape in thing.shapes if len(shape.points) == 3]
    assert len(cone) == 36
    # Shadows fall to the left, so the sun stands to the right.
    assert max(cone, key=_light).points.mean(axis=0)[0] > 15
    assert min(cone, key=_light).points.mean(axis=0)[0] < -15


def test_a_floating_roof_lies_in_the_shadow_of_its_own_wall():
    sunk, lit = tank(_rng(), 30.0, SUN, floating=True).shapes[2:4]
    assert _light(sunk) < 0.6 * _light(lit)
    assert np.hypot(*lit.points.T).max() <= 28 + 1e-9


def test_a_tree_is_brighter_towards_the_sun():
    lights = []
    for seed in range(20):
        clumps = tree(_rng(seed), 10.0, (-1.0, 0.0), GREEN).shapes[1:]
        lights += [(float(c.points.mean(axis=0)[0]), _light(c) / _light(clumps[0])) for c in clumps]
    x, light = np.array(lights).T
    assert np.corrcoef(x, light)[0, 1] > 0.3


def test_a_grove_stands_in_its_rectangle_from_north_to_south():
    trees = grove(_rng(), (10, 20, 110, 60), 50, SUN, radius=(2.0, 3.0))
    centres = np.array([each.outline[0].points.mean(axis=0) for each in trees])
    assert len(trees) == 50
    assert (np.diff(centres[:, 1]) >= 0).all()
    assert (centres >= (10, 20)).all()
    assert (centres <= (110, 60)).all()
    assert grove(_rng(), (0, 0, 1, 1), 0, SUN) == []


def test_a_court_has_its_apron_around_its_floor():
    apron, floor = court(40, 60, (70, 80, 120), GREEN)[:2]
    assert bounds([apron]) == (-20, -30, 20, 30)
    assert bounds([floor]) == pytest.approx((-13.6, -18.6, 13.6, 18.6))
    assert (floor.colour, apron.colour) == ((70, 80, 120), GREEN)


@pytest.mark.parametrize(("length", "width"), [(176, 92), (100, 40)])
def test_a_running_track_is_as_long_and_wide_as_asked_with_a_green_field_inside(length, width):
    shapes = running_track(length, width)
    assert bounds(shapes) == pytest.approx((-length / 2, -width / 2, length / 2, width / 2), rel=0.01)
    red, green, blue = shapes[-1].colour
    assert green > max(red, blue)
