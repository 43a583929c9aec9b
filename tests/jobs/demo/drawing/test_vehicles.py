"""Ships, boats, aircraft and cars: at the origin, heading along x, of the size that was asked for."""

import numpy as np
import pytest

from jobs.demo.drawing.shapes import bounds
from jobs.demo.drawing.vehicles import aircraft, boat, car, container_colour, jet_bridge, ship

KINDS = ("tanker", "bulk", "container")


def _rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [20.0, 90.0, 150.0])
def test_a_ship_has_its_length_a_ships_beam_and_all_its_parts_on_the_hull(kind, length):
    thing = ship(_rng(), length, kind)
    x0, y0, x1, y1 = hull = bounds(thing.outline)
    assert (x0, x1) == (-length / 2, length / 2)
    assert 0.165 <= (y1 - y0) / length <= 0.19
    low, high = np.array(bounds(thing.shapes)[:2]), np.array(bounds(thing.shapes)[2:])
    assert (low >= np.array(hull[:2]) - 0.5).all()
    assert (high <= np.array(hull[2:]) + 0.5).all()


def test_ships_of_different_kinds_carry_different_things():
    parts = {kind: len(ship(_rng(), 120, kind).shapes) for kind in KINDS}
    assert len(set(parts.values())) == 3
    assert parts["container"] > 50, "a container ship carries containers"


def test_the_same_generator_builds_the_same_ship():
    first, again = (ship(_rng(3), 100, "container") for _ in range(2))
    assert [s.colour for s in first.shapes] == [s.colour for s in again.shapes]
    assert [s.colour for s in first.shapes] != [s.colour for s in ship(_rng(4), 100, "container").shapes]


def test_every_colour_of_a_vehicle_is_one_that_a_picture_can_have():
    rng = _rng()
    things = [*(ship(rng, 100, kind) for kind in KINDS), boat(rng, 14), aircraft(rng, 60), car(rng)]
    things.append(jet_bridge((0, 0), (20, 5)))
    colours = np.array([shape.colour for thing in things for shape in thing.shapes])
    assert colours.min() >= 0
    assert colours.max() <= 255


def test_an_aircraft_is_symmetric_with_its_nose_ahead_and_wings_about_as_wide_as_it_is_long():
    thing = aircraft(_rng(), 60.0)
    x0, y0, x1, y1 = bounds(thing.outline)
    assert (x0, x1) == (-30.0, 30.0)
    assert y0 == pytest.approx(-y1)
    assert 0.85 < (y1 - y0) / 60 < 1.05
    points = np.concatenate([shape.points for shape in thing.outline])
    assert np.abs(points[points[:, 0] > 0.45 * 60][:, 1]).max() < 0.06 * 60, "the nose is narrow"


def test_boats_and_cars_are_longer_than_wide_and_low():
    small, auto = boat(_rng(), 14.0), car(_rng())
    for thing, length in ((small, 14.0), (auto, 5.0)):
        x0, y0, x1, y1 = bounds(thing.shapes)
        assert x1 - x0 == pytest.approx(length)
        assert y1 - y0 < 0.5 * length
        assert thing.height_px < ship(_rng(), 90, "bulk").height_px


def test_a_jet_bridge_reaches_from_the_terminal_to_the_door():
    x0, y0, x1, y1 = bounds(jet_bridge((0.0, 0.0), (30.0, 0.0)).shapes)
    assert (x0, x1) == (0.0, pytest.approx(33.0, abs=0.2))
    assert y1 - y0 == pytest.approx(6.0, abs=0.4)


def test_containers_come_in_many_colours():
    rng = _rng()
    assert len({container_colour(rng) for _ in range(40)}) > 20
