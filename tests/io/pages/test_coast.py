"""Land is where land is, in small pieces, cut at what is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.pages.coast import clipped, land_in

WORLD = (-180.0, -90.0, 180.0, 90.0)


def area(ring):
    x, y = ring.T
    return abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2


def is_inside(rings, lon, lat):
    """Whether a point is in an odd number of rings, as what is drawn by the rule evenodd."""
    crossings = 0
    for ring in rings:
        (x0, y0), (x1, y1) = ring.T, np.roll(ring, 1, axis=0).T
        between = (y0 > lat) != (y1 > lat)
        crossings += int((lon < x0 + (lat - y0) / np.where(y1 == y0, 1, y1 - y0) * (x1 - x0))[between].sum())
    return crossings % 2 == 1


@pytest.mark.parametrize(
    ("lon", "lat", "is_land"),
    [
        (10, 50, True), (-100, 40, True), (135, -25, True), (25, 0, True), (0, -88, True), (-42, 72, True),
        (-30, 30, False), (-150, 0, False), (80, -30, False), (51, 42, False), (5, 38.5, False),
    ],
)  # fmt: skip
def test_places_that_people_know_are_land_or_water(lon, lat, is_land):
    assert is_inside([*land_in(WORLD)], lon, lat) == is_land
    assert is_inside([*land_in((lon - 2, lat - 1.5, lon + 2, lat + 1.5))], lon, lat) == is_land


def test_land_is_small_and_lies_on_the_globe():
    rings = [*land_in(WORLD)]
    assert 100 < len(rings) < 200
    assert sum(map(len, rings)) < 5000
    every = np.concatenate(rings)
    assert (np.abs(every) <= (180, 90)).all()


LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


@given(LON, LAT, LON, LAT)
def test_nothing_is_drawn_outside_of_what_is_shown(one, low, other, high):
    west, east, south, north = min(one, other), max(one, other), min(low, high), max(low, high)
    for ring in land_in((west, south, east, north)):
        assert (ring >= np.array([west, south]) - 1e-9).all()
        assert (ring <= np.array([east, north]) + 1e-9).all()


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 5), st.floats(0.1, 5))
def test_a_square_is_cut_to_what_it_shares_with_the_box(left, low, width, height):
    square = np.array([[left, low], [left + width, low], [left + width, low + height], [left, low + height]])
    cut = clipped(square, (-1.0, -1.0, 1.0, 1.0))
    shared = max(0.0, min(1, left + width) - max(-1, left)) * max(0.0, min(1, low + height) - max(-1, low))
    assert (area(cut) if len(cut) > 2 else 0.0) == pytest.approx(shared, abs=1e-9)
