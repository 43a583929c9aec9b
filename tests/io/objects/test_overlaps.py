"""Overlaps are those of every pair, looked at one by one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.objects import overlaps
from sgddiff_batch.io.objects.overlaps import covered_by, overlaps_of
from tests.core import sighting_examples

BOXES = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4), st.integers(1, 4)).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    max_size=9,
)


def shapes_of(boxes):
    return np.array([shapely.box(*box) for box in boxes] + [None], dtype=object)[:-1]


def rows(pairs):
    columns = (pairs.earlier, pairs.later, pairs.iou, pairs.of_earlier, pairs.of_later)
    return sorted(zip(*(np.round(column, 9).tolist() for column in columns), strict=True))


@given(BOXES, st.data())
def test_all_overlaps_with_what_was_there_before_a_scene_are_found(boxes, data):
    cuts = data.draw(st.lists(st.integers(0, len(boxes)), min_size=1, max_size=4).map(sorted))
    starts = np.array([*cuts, len(boxes)], np.int64)
    assert rows(overlaps_of(shapes_of(boxes), starts)) == rows(sighting_examples.overlaps_of(boxes, starts))


def test_pairs_in_many_parts_are_the_same(monkeypatch):
    boxes = [(n, 0, n + 3, 3) for n in range(9)]
    starts = np.array([4, 6, 9])
    whole = rows(overlaps_of(shapes_of(boxes), starts))
    monkeypatch.setattr(overlaps, "_TOGETHER", 2)
    assert len(whole) > 4
    assert rows(overlaps_of(shapes_of(boxes), starts)) == whole


def test_outlines_without_a_place_overlap_nothing():
    nowhere = np.array([None, shapely.box(0, 0, 1, 1), None], dtype=object)
    assert len(overlaps_of(nowhere, np.array([1, 2, 3])).iou) == 0
    assert len(covered_by(nowhere, np.array([None], dtype=object))[0]) == 0


def test_only_what_lies_wholly_in_the_data_of_a_scene_is_covered():
    data = shapely.box(0, 0, 10, 10).difference(shapely.box(4, 4, 5, 5))
    outlines = shapes_of([(1, 1, 2, 2), (9, 9, 11, 11), (3, 3, 6, 6), (20, 20, 21, 21)])
    node, scene = covered_by(outlines, np.array([None, data], dtype=object))
    assert (node.tolist(), scene.tolist()) == ([0], [1])


def test_shares_of_a_part_are_of_each_of_both():
    pairs = overlaps_of(shapes_of([(0, 0, 10, 10), (0, 0, 5, 10)]), np.array([1, 2]))
    assert (pairs.iou[0], pairs.of_earlier[0], pairs.of_later[0]) == pytest.approx((0.5, 0.5, 1.0))
