"""Polygons and what is done to them: turned, moved, stroked, dashed, smoothed."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.demo.drawing.shapes import (
    Thing,
    bounds,
    box,
    dashes,
    disc,
    placed,
    polygon,
    smooth,
    steps,
    stroke,
    tinted,
)

RED = (200.0, 10.0, 10.0)
NUMBERS = st.floats(-500, 500)
PATHS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=6)


@given(path=PATHS, x=NUMBERS, y=NUMBERS, heading=st.floats(-720, 720))
def test_placing_keeps_all_distances_and_colours(path, x, y, heading):
    shape = polygon(path, RED)
    (moved,) = placed([shape], x, y, heading)
    before, after = (each.points[:, None] - each.points[None] for each in (shape, moved))
    np.testing.assert_allclose(np.hypot(*after.T), np.hypot(*before.T), atol=1e-6)
    assert moved.colour == RED


def test_a_heading_of_ninety_degrees_turns_clockwise_as_seen_from_above():
    (turned,) = placed([polygon([(1, 0), (0, 1)], RED)], 10, 20, 90)
    np.testing.assert_allclose(turned.points, [(10, 21), (9, 20)], atol=1e-9)


def test_a_thing_is_placed_with_its_outline():
    thing = Thing((box(0, 0, 2, 1, RED),), (box(0, 0, 4, 1, RED),), 3.0).placed(10, 20)
    assert bounds(thing.shapes) == (10, 20, 12, 21)
    assert bounds(thing.outline) == (10, 20, 14, 21)
    assert thing.height_px == 3.0


@given(radius=st.floats(0.5, 80), stretch=st.floats(0.2, 4))
def test_a_disc_lies_on_its_circle_and_is_as_much_longer_as_it_is_stretched(radius, stretch):
    points = disc(3, -4, radius, RED, stretch).points - (3, -4)
    np.testing.assert_allclose(np.hypot(points[:, 0] / stretch, points[:, 1]), radius, rtol=1e-9)
    assert len(points) >= 10


def test_a_line_has_its_width_and_a_disc_at_each_bend():
    segments = stroke([(0, 0), (10, 0), (10, 10)], 4, RED)
    assert bounds(segments[:1]) == (0, -2, 10, 2)
    assert bounds(segments[1:2]) == (8, 0, 12, 10)
    assert [round(float(n)) for n in segments[2].points.mean(axis=0)] == [10, 0]
    assert len(segments) == 3


def test_a_thin_line_has_no_discs_and_a_point_is_no_line_but_stays_finite():
    assert len(stroke([(0, 0), (10, 0), (10, 10)], 2, RED)) == 2
    (nothing,) = stroke([(5, 5), (5, 5)], 4, RED)
    assert np.isfinite(nothing.points).all()


@given(length=st.floats(1, 300), dash=st.floats(0.5, 20), gap=st.floats(0.5, 20))
def test_dashes_end_where_the_line_does_and_are_as_long_as_asked(length, dash, gap):
    found = dashes((0, 0), (length, 0), 1.0, (dash, gap), RED)
    spans = [bounds([shape])[::2] for shape in found]
    assert spans[0][0] == 0
    assert max(end for _, end in spans) <= length + 1e-9
    for start, end in spans[:-1]:
        assert end - start == pytest.approx(dash)
    for (_, end), (following, _) in pairwise(spans):
        assert following - end == pytest.approx(gap)


@given(path=PATHS, rounds=st.integers(0, 4))
def test_smoothing_keeps_both_ends_and_stays_within_the_path(path, rounds):
    smoothed, given_path = smooth(path, rounds), np.asarray(path)
    np.testing.assert_array_equal(smoothed[[0, -1]], given_path[[0, -1]])
    assert (smoothed >= given_path.min(axis=0) - 1e-9).all()
    assert (smoothed <= given_path.max(axis=0) + 1e-9).all()


def test_smoothing_cuts_corners():
    corner = smooth([(0, 0), (10, 0), (10, 10)])
    assert np.hypot(*(corner - (10, 0)).T).min() > 1


@given(factor=st.floats(0, 9))
def test_a_tint_never_leaves_the_colours_there_are(factor):
    assert all(0 <= channel <= 255 for channel in tinted((0.0, 128.0, 255.0), factor))
    assert tinted((0.0, 128.0, 255.0), 0.5) == (0.0, 64.0, 127.5)


def test_steps_leave_out_the_end():
    assert steps(-2, 2, 1.0) == [-2.0, -1.0, 0.0, 1.0]
    assert steps(3, 3, 1.0) == []
