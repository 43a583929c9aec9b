"""False alarms where nothing is to be found: windows of every picture without a salient pixel."""

import json

import numpy as np
import pytest

from models.sod_metrics_objects import WINDOW_PX, AlarmSums, measure_windows
from tests.kit.pictures import run, write

AREA = WINDOW_PX**2


@pytest.fixture
def example():
    """Six whole windows in two rows, and rest: one holds an object, two hold alarms of 102 and of 103 px."""
    saliency, label = np.zeros((2, 700, 970), np.uint8)
    label = label.astype(bool)
    label[319, 319] = True  # the last pixel of the first window
    label[699, 969] = True  # outside of all windows
    saliency[0:10, 0:300] = 255  # in the window with the object
    saliency[10, 320 : 320 + 102] = 128  # just not above 0.1 %
    saliency[639, 640 : 640 + 103] = 255
    saliency[400, 0:300] = 127  # below one half
    saliency[640:, :] = 255  # the rest below
    saliency[:, 960:] = 255  # the rest to the right
    return saliency, label


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


def test_the_table_and_the_report_tell_of_the_windows(example, tmp_path, capsys):
    saliency, label = example
    for name, mask in (("both", label), ("empty", np.zeros_like(label))):
        write(tmp_path / "labels" / f"{name}.png", mask.astype(np.uint8) * 255)
        write(tmp_path / "maps" / f"{name}.png", saliency)
    folders = ["--score-maps", tmp_path / "maps", "--labels", tmp_path / "labels"]
    assert run(*folders, "--json", tmp_path / "s.json") == 0
    report = json.loads((tmp_path / "s.json").read_text())
    rows = {row["name"]: row["windows_without_objects"] for row in report["pictures"]}
    assert (rows["both"]["windows"], rows["empty"]["windows"]) == (5, 6)
    found = report["totals"]["windows_without_objects"]
    assert found["windows"] == 11
    assert found["false_alarm_area"] == pytest.approx((205 + 205 + 3000) / AREA / 11)
    assert found["windows_with_alarm"] == pytest.approx(3 / 11)
    assert "320 x 320 px" in report["protocol"]
    printed = capsys.readouterr().out
    share = (205 + 205 + 3000) / AREA / 11
    assert (
        f"windows of 320 px without objects: 11, false-alarm area {share:.4%} on average, 3 with" in printed
    )


def test_small_pictures_have_no_line_about_windows(tmp_path, capsys):
    write(tmp_path / "labels" / "a.png", np.eye(40, dtype=np.uint8) * 255)
    write(tmp_path / "maps" / "a.png", np.zeros((40, 40), np.uint8))
    folders = ["--score-maps", tmp_path / "maps", "--labels", tmp_path / "labels"]
    assert run(*folders, "--json", tmp_path / "s.json") == 0
    assert "windows of" not in capsys.readouterr().out
    totals = json.loads((tmp_path / "s.json").read_text())["totals"]
    assert totals["windows_without_objects"]["windows_with_alarm"] is None
