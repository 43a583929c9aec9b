"""Boxes: they touch as the Earth has it, however their longitudes are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.boxes import Box, box_around

BOXES = st.builds(
    lambda west, east, south, north: Box(west, min(south, north), east, max(south, north)),
    *[st.integers(-180, 180).map(float)] * 2,
    *[st.integers(-90, 90).map(float)] * 2,
)
WRITTEN = st.tuples(st.integers(-360, 360), st.integers(0, 360))
"""A western edge, and how many degrees it goes on eastwards."""


def meridians(west: float, width: float) -> set[int]:
    """The whole degrees of longitude that a box of whole degrees covers, 0 to 359."""
    return {int(west + step) % 360 for step in range(int(width) + 1)}


@given(BOXES, BOXES)
def test_areas_overlap_both_ways_and_with_a_point_of_their_own(one: Box, other: Box) -> None:
    assert one.overlaps(other) == other.overlaps(one)
    assert one.overlaps(one)
    corner = Box(one.west, one.south, one.west, one.south)
    assert one.overlaps(corner)


@given(WRITTEN, WRITTEN)
def test_boxes_touch_where_they_share_a_meridian_however_they_are_written(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    boxes = [box_around(west, 0, west + width, 1) for west, width in (one, other)]
    assert boxes[0].overlaps(boxes[1]) == bool(meridians(*one) & meridians(*other))


@given(BOXES, WRITTEN)
def test_what_the_config_asks_for_touches_what_a_catalogue_writes(asked: Box, said: tuple[int, int]) -> None:
    found = box_around(said[0], -90, said[0] + said[1], 90)
    assert asked.overlaps(found) == bool(meridians(asked.west, asked.width) & meridians(*said))


@given(st.floats(-360, 360), st.floats(0, 360))
def test_a_box_covers_as_much_however_it_is_written(west: float, width: float) -> None:
    assert box_around(west, 0, west + width, 1).width == pytest.approx(min(width, 360), abs=1e-9)


@pytest.mark.parametrize(
    ("numbers", "box"),
    [
        ((-180.75, -18.4, -178.5, -16.3), Box(179.25, -18.4, -178.5, -16.3)),
        ((175, 0, 190, 1), Box(175, 0, -170, 1)),
        ((190, 0, 200, 1), Box(-170, 0, -160, 1)),
        ((-190, 0, -185, 1), Box(170, 0, 175, 1)),
        ((350, 0, 370, 1), Box(-10, 0, 10, 1)),
        ((350, 0, 10, 1), Box(-10, 0, 10, 1)),
        ((170, 0, -170, 1), Box(170, 0, -170, 1)),
        ((0, -90, 360, 90), Box(-180, -90, 180, 90)),
        ((-180, -90.5, 180, 90.5), Box(-180, -90, 180, 90)),
    ],
)
def test_longitudes_past_180_are_those_of_the_other_side(
    numbers: tuple[float, float, float, float], box: Box
) -> None:
    assert box_around(*numbers) == box


def test_areas_reach_over_the_antimeridian() -> None:
    fiji = Box(177, -20, -178, -15)
    assert fiji.overlaps(Box(-179, -18, -178.5, -17))
    assert fiji.overlaps(Box(178, -18, 179, -17))
    assert not fiji.overlaps(Box(0, -18, 10, -17))
    assert Box(170, 0, 180, 1).overlaps(Box(-180, 0, -170, 1))


@pytest.mark.parametrize("numbers", [(-181, 0, 0, 1), (0, 2, 1, 1), (0, -91, 1, 0), (0, 0, float("nan"), 1)])
def test_an_impossible_area_is_refused(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Box(*numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        (500000, 0, 500010, 10),
        (0, 91, 1, 92),
        (0, -93, 1, 0),
        (0, 0, float("inf"), 1),
        (0, 0, 1, float("nan")),
    ],
)
def test_numbers_that_are_no_degrees_are_no_box(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        box_around(*numbers)
