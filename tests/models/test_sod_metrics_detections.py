"""Whole objects are matched one to one at an overlap of one half, and counted in the class of their size."""

from __future__ import annotations

import numpy as np
import pytest

from models.sod_metrics_detections import DetectionSums, measure_detections
from models.sod_metrics_objects import SIZE_CLASSES

SMALL, MIDDLE, LARGE = SIZE_CLASSES


def picture(*boxes, value=255):
    found = np.zeros((100, 100), np.uint8)
    for top, left, height, width in boxes:
        found[top : top + height, left : left + width] = value
    return found


def means(drawn, labelled):
    return measure_detections(drawn, labelled > 127).means()


def test_the_same_objects_are_all_right():
    boxes = (0, 0, 5, 5), (20, 20, 10, 10), (50, 50, 20, 20)
    found = means(picture(*boxes), picture(*boxes))
    for name in (*SIZE_CLASSES, "all"):
        assert (found[name]["precision"], found[name]["recall"], found[name]["f1"]) == (1, 1, 1)
    assert [found[name]["labelled"] for name in (*SIZE_CLASSES, "all")] == [1, 1, 1, 3]


@pytest.mark.parametrize(("width", "is_right"), [(5, True), (4, False), (20, True), (21, False)])
def test_one_half_of_both_is_enough_and_less_is_not(width, is_right):
    found = means(picture((0, 0, 10, width)), picture((0, 0, 10, 10)))["all"]
    assert (found["found"], found["right"]) == (int(is_right), int(is_right))
    assert found["f1"] == float(is_right)


def test_an_object_that_is_drawn_in_two_parts_is_found_by_one_at_most():
    label = picture((0, 0, 10, 10))
    halves = picture((0, 0, 10, 10))
    halves[:, 6] = 0
    found = means(halves, label)["all"]
    assert (found["drawn"], found["right"], found["found"]) == (2, 1, 1)
    assert (found["precision"], found["recall"]) == (0.5, 1)


def test_corners_do_not_join_objects_as_they_do_not_in_mosaics():
    touching = picture((0, 0, 5, 5), (5, 5, 5, 5))
    assert means(touching, touching)["all"]["labelled"] == 2


def test_a_pixel_counts_at_one_half_or_more():
    label = picture((0, 0, 10, 10))
    assert means(picture((0, 0, 10, 10), value=128), label)["all"]["found"] == 1
    assert means(picture((0, 0, 10, 10), value=127), label)["all"]["drawn"] == 0


def test_each_counts_in_the_class_of_its_own_size():
    found = means(picture((0, 0, 7, 6)), picture((0, 0, 10, 7)))
    assert (found[SMALL]["drawn"], found[SMALL]["right"], found[SMALL]["labelled"]) == (1, 1, 0)
    assert (found[MIDDLE]["labelled"], found[MIDDLE]["found"], found[MIDDLE]["drawn"]) == (1, 1, 0)
    assert (found[SMALL]["recall"], found[SMALL]["f1"]) == (None, None)


def test_nothing_drawn_and_nothing_labelled_are_no_shares():
    nothing = picture()
    assert means(nothing, nothing)["all"] == {
        **dict.fromkeys(("labelled", "found", "drawn", "right"), 0),
        **dict.fromkeys(("precision", "recall", "f1")),
    }
    assert means(nothing, picture((0, 0, 5, 5)))["all"]["recall"] == 0
    assert means(picture((0, 0, 5, 5)), nothing)["all"]["precision"] == 0


def test_sums_of_several_pictures_add_up_and_sizes_that_differ_are_refused():
    one = measure_detections(picture((0, 0, 5, 5)), picture((0, 0, 5, 5)) > 0)
    assert (one + one + DetectionSums()).means()["all"]["found"] == 2
    with pytest.raises(ValueError, match="differ in size"):
        measure_detections(picture(), np.zeros((9, 9), bool))
    with pytest.raises(ValueError, match="by size class"):
        DetectionSums(labelled=np.zeros(2, np.int64))
