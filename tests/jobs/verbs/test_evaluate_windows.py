"""False alarms where nothing is to be found: windows of every picture without a salient pixel."""

import json

import numpy as np
import pytest

from models.sod_metrics_objects import WINDOW_PX
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
