"""A covering box holds all boxes, and no smaller one does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.extents import GLOBE, covering_box

DEGREES = st.integers(-180, 179).map(float)
BOXES = st.lists(
    st.tuples(DEGREES, st.integers(-90, 0).map(float), DEGREES, st.integers(1, 90).map(float)), min_size=1
)


def degrees_of(west: float, east: float) -> set[int]:
    """Return the whole degrees, from -180 on, that begin in an arc."""
    stop = east + 360 if east < west else east
    return {(int(degree) + 180) % 360 for degree in range(int(west), int(stop))}


@given(BOXES)
def test_a_covering_box_holds_all_boxes_and_leaves_the_widest_gap_out(boxes):
    west, south, east, north = covering_box(boxes)
    held = degrees_of(west, east)
    of_boxes = set().union(*(degrees_of(box[0], box[2]) for box in boxes))
    assert of_boxes <= held
    assert (south, north) == (min(box[1] for box in boxes), max(box[3] for box in boxes))
    ends = sorted({(int(box[0]) + 180) % 360 for box in boxes} | {(int(box[2]) + 180) % 360 for box in boxes})
    gaps = [
        (after - before) % 360 or 360
        for before, after in zip(ends, [*ends[1:], ends[0]], strict=True)
        if not {(before + step) % 360 for step in range((after - before) % 360 or 360)} & of_boxes
    ]
    assert 360 - len(held) == max(gaps, default=0)


@pytest.mark.parametrize(
    ("boxes", "wanted"),
    [
        ([], GLOBE),
        ([(10, 0, 20, 5)], (10, 0, 20, 5)),
        ([(170, -1, -170, 1)], (170, -1, -170, 1)),
        ([(170, -1, 175, 1), (-178, 0, -170, 2)], (170, -1, -170, 2)),
        ([(170, 0, -165, 1), (-175, 0, -172, 1)], (170, 0, -165, 1)),
        ([(-180, -1, 180, 1), (5, 0, 6, 2)], (-180, -1, 180, 2)),
        ([(-180, 0, 0, 1), (0, 0, 180, 1)], (-180, 0, 180, 1)),
        ([(179, 0, 180, 1), (-180, 0, -179, 1)], (179, 0, -179, 1)),
    ],
)
def test_a_covering_box_is_the_least_one(boxes, wanted):
    assert covering_box(boxes) == wanted
