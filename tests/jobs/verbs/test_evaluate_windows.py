"""False alarms where nothing is to be found: windows of every picture without a salient pixel."""

import json

import numpy as np
import pytest

from models.sod_metrics_objects import WINDOW_PX
from tests.kit.pictures import run, write
from tests.kit.windows import map_and_label

AREA = WINDOW_PX**2


@pytest.fixture
def example():
    return map_and_label()


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
