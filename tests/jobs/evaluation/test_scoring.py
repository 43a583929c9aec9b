"""What is made of maps and labels: a row a picture, sums of rows, and a report of plain values."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from jobs.evaluation.scoring import FORMAT_VERSION, build_report, score_picture, sum_up
from models.sod_metrics import MEASURE_NAMES


def label(height=40, width=50, *, empty=False):
    mask = np.zeros((height, width), bool)
    if not empty:
        mask[5:20, 10:30] = True
    return mask


def saliency_of(mask, seed=0):
    noise = np.random.default_rng(seed).integers(0, 120, mask.shape)
    return (mask * 130 + noise).astype(np.uint8)


@pytest.fixture
def rows():
    """Three pictures with objects and one without, which has an alarm in a quarter of it."""
    found = [score_picture(f"p{n}", saliency_of(label(), n), label()) for n in range(3)]
    alarm = np.zeros((40, 50), np.uint8)
    alarm[:20, :25] = 200
    return [*found, score_picture("empty", alarm, label(empty=True))]


def test_a_perfect_map_scores_best_and_its_area_is_the_labels():
    row = score_picture("p", (label() * 255).astype(np.uint8), label())
    assert (row.name, row.height_px, row.width_px, row.salient_px) == ("p", 40, 50, 15 * 20)
    assert row.scores.mae == 0
    assert row.scores.s == pytest.approx(1, abs=1e-3)
    assert not row.is_empty


def test_only_a_picture_without_objects_counts_for_alarms(rows):
    assert [row.is_empty for row in rows] == [False] * 3 + [True]
    assert [row.alarms.pictures for row in rows] == [0, 0, 0, 1]
    assert rows[-1].alarms.area == 0.25


def test_a_map_of_another_size_is_refused_by_the_pictures_name():
    with pytest.raises(ValueError, match=r"^north/a: "):
        score_picture("north/a", np.zeros((4, 5), np.uint8), label())


def test_the_worst_row_sorts_first(rows):
    bad = score_picture("bad", 255 - (label() * 255).astype(np.uint8), label())
    assert min([*rows, bad], key=lambda row: row.rank) is bad


def test_sums_do_not_depend_on_the_order_of_the_pictures(rows):
    shuffled = random.Random(1).sample(rows, len(rows))
    one, other = sum_up(rows).plain(), sum_up(shuffled).plain()
    assert one.keys() == other.keys()
    assert one["with_objects"] == pytest.approx(other["with_objects"])
    assert (one["pictures"], one["with_objects"]["pictures"], one["empty_masks"]["pictures"]) == (4, 3, 1)
    assert one["empty_masks"]["false_alarm_area"] == 0.25


def test_of_no_pictures_there_are_totals_without_means():
    plain = sum_up([]).plain()
    assert plain["pictures"] == 0
    assert plain["with_objects"] == {"pictures": 0}
    assert plain["empty_masks"]["mae"] is None
    assert plain["windows_without_objects"]["windows"] == 0


def test_the_report_has_all_pictures_and_is_json(rows):
    report = build_report(rows, {"source": "a test"}, {"labels": "L"})
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert (report["format_version"], report["maps"], report["folders"]) == (
        FORMAT_VERSION,
        {"source": "a test"},
        {"labels": "L"},
    )
    first, last = report["pictures"][0], report["pictures"][-1]
    assert {*MEASURE_NAMES} < first.keys()
    assert first["salient_area"] == 15 * 20 / (40 * 50)
    assert "objects_by_size" in first
    assert "false_alarm_area" not in first
    assert (last["empty_mask"], last["false_alarm_area"]) == (True, 0.25)
    assert "objects_by_size" not in last
