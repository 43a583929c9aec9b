"""Which objects are found, by size, and false alarms where there is none."""

import numpy as np
import pytest

from models.sod_metrics_objects import (
    WINDOW_PX,
    AlarmSums,
    ObjectSums,
    measure_alarms,
    measure_objects,
    measure_windows,
)
from tests.kit.windows import map_and_label


def test_objects_are_told_apart_by_their_share_of_the_picture():
    label = np.zeros((100, 100), bool)
    label[0:5, 0:9] = True  # 45 px, below 0.5 %
    label[20:25, 0:10] = True  # 50 px, exactly 0.5 %
    label[40:50, 0:20] = True  # 200 px, exactly 2 %
    label[60:80, 0:20] = True  # 400 px
    saliency = label.astype(np.uint8) * 255
    saliency[20:25, 0:4] = 127  # of 50 px 30 are found
    saliency[40:50, 0:11] = 0  # of 200 px 90 are found
    found = measure_objects(saliency, label).means()
    assert [row["objects"] for row in found.values()] == [1, 2, 1]
    assert found["0.5 to 2 %"]["pixel_recall"] == pytest.approx((0.6 + 0.45) / 2)
    assert found["0.5 to 2 %"]["found"] == 0.5
    assert found["above 2 %"]["found"] == 1.0


def test_corners_join_an_object_and_a_half_is_128():
    label = np.eye(10, dtype=bool)
    sums = measure_objects(np.where(label, 128, 127).astype(np.uint8), label)
    assert sums.objects.tolist() == [0, 0, 1]
    assert sums.found.tolist() == [0, 0, 1]
    assert measure_objects(np.full((10, 10), 127, np.uint8), label).found.tolist() == [0, 0, 0]


def test_no_objects_and_no_empty_pictures_are_none_rather_than_a_number():
    assert ObjectSums().means()["above 2 %"] == {"objects": 0, "pixel_recall": None, "found": None}
    assert AlarmSums().means()["false_alarm_area"] is None
    empty = measure_objects(np.zeros((4, 4), np.uint8), np.zeros((4, 4), bool))
    assert empty.objects.sum() == 0


def test_sums_over_objects_and_alarms_merge():
    label = np.eye(10, dtype=bool)
    one = measure_objects(np.full((10, 10), 255, np.uint8), label)
    two = one + measure_objects(np.zeros((10, 10), np.uint8), label) + ObjectSums()
    assert two.means()["above 2 %"] == {"objects": 2, "pixel_recall": 0.5, "found": 0.5}
    quarter = np.zeros((4, 4), np.uint8)
    quarter[:2, :2] = 128
    alarms = measure_alarms(quarter) + measure_alarms(quarter * 0)
    assert alarms.means() == {"pictures": 2, "false_alarm_area": 0.125, "pictures_with_alarm": 0.5}


AREA = WINDOW_PX**2


@pytest.fixture
def example():
    return map_and_label()


def test_whole_windows_without_a_salient_pixel_count_and_nothing_else(example):
    sums = measure_windows(*example)
    assert (sums.pictures, sums.with_alarm) == (5, 1)
    assert sums.area == pytest.approx((102 + 103) / AREA)
    assert sums.means("windows") == {
        "windows": 5,
        "false_alarm_area": pytest.approx(205 / AREA / 5),
        "windows_with_alarm": 0.2,
    }


def test_sums_over_windows_merge_as_if_they_were_of_one_worker(example):
    saliency, label = example
    whole = measure_windows(saliency[:640, :960], label[:640, :960])
    parts = [measure_windows(saliency[k : k + 320, :960], label[k : k + 320, :960]) for k in (0, 320)]
    merged = parts[0] + AlarmSums() + parts[1]
    assert (merged.pictures, merged.with_alarm) == (whole.pictures, whole.with_alarm)
    assert merged.area == pytest.approx(whole.area)


@pytest.mark.parametrize("shape", [(319, 5000), (1, 1), (0, 0)])
def test_a_picture_without_a_whole_window_has_none_and_no_number(shape):
    sums = measure_windows(np.full(shape, 255, np.uint8), np.zeros(shape, bool))
    assert sums == AlarmSums()
    assert sums.means("windows")["false_alarm_area"] is None


def test_a_window_that_is_all_alarm_is_all_of_its_area():
    sums = measure_windows(np.full((320, 320), 128, np.uint8), np.zeros((320, 320), bool))
    assert sums == AlarmSums(1, 1.0, 1)


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match="differ in size"):
        measure_windows(np.zeros((320, 320), np.uint8), np.zeros((320, 321), bool))


def test_objects_of_a_map_of_another_size_and_sums_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        measure_objects(np.zeros((3, 3), np.uint8), np.zeros((3, 4), bool))
    with pytest.raises(ValueError, match=r"\(3,\) numbers"):
        ObjectSums(pixel_recall=np.zeros(2))


def test_an_object_is_found_from_half_of_its_pixels_on():
    label = np.zeros((40, 40), bool)
    label[:2, :10] = True
    saliency = np.zeros((40, 40), np.uint8)
    for pixels, found in ((9, 0), (10, 1)):
        saliency.flat[:pixels] = 200
        assert measure_objects(saliency, label).found.tolist() == [0, found, 0]
