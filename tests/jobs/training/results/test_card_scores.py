"""What a model card says of the scores: every number, their spread over seeds, and what it is bad at."""

from __future__ import annotations

import statistics

import pytest

from jobs.training.results.card_scores import scores_of, weaknesses_of
from tests.kit.assessments import made_up_assessment

WINDOWS = "windows_without_objects"


def cells_of(text, heading):
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    [row] = [row for row in rows if row[1].strip() == heading]
    return [cell.strip() for cell in row[2:-1]]


def test_of_one_run_there_are_its_scores_and_no_spread():
    one = made_up_assessment(seed=1, s=0.8)
    text = scores_of(one, [one])
    assert cells_of(text, "S") == ["0.8000"]
    assert cells_of(text, "MAE") == ["0.0122"]
    assert "One run, seed 1: how far another seed would lie from it is not known." in text
    assert "On the 40 validation pictures with objects" in text
    assert "tiles of 576 px with 64 px of overlap, 1 diffusion step, one trajectory" in text


def test_of_several_runs_there_are_mean_and_deviation_by_n_minus_1():
    values = {1: 0.8, 2: 0.84, 5: 0.7}
    runs = [made_up_assessment(seed, s) for seed, s in values.items()]
    text = scores_of(runs[1], runs)
    mean, spread = statistics.fmean(values.values()), statistics.stdev(values.values())
    assert cells_of(text, "") == ["seed 2", "mean of 3 seeds", "standard deviation"]
    assert cells_of(text, "S") == ["0.8400", f"{mean:.4f}", f"{spread:.4f}"]
    assert cells_of(text, "max F") == ["0.5000", "0.5000", "0.0000"]
    assert "Seeds 1, 2, 5, all else equal, divisor n - 1. S by seed: 1: 0.8000, 2: 0.8400, 5: 0.7000." in text


def test_the_average_of_the_seeds_stands_beside_them_and_runs_without_scores_leave_dashes():
    unscored = {**made_up_assessment(2), "validation": None}
    text = scores_of(made_up_assessment(None, 0.9), [made_up_assessment(1), unscored])
    assert cells_of(text, "") == ["their average", "mean of 2 seeds", "standard deviation"]
    assert cells_of(text, "S") == ["0.9000", "0.8000", "-"]


def test_without_validation_there_are_no_scores_and_nothing_is_known():
    unscored = {**made_up_assessment(1), "validation": None}
    assert scores_of(unscored, [unscored]) == "## Scores\n\nNone: no picture was held out."
    assert weaknesses_of(unscored, [unscored])[0] == "It was not scored: nothing is known of its mistakes."


def test_recall_by_size_has_dashes_where_there_is_no_object():
    one = made_up_assessment()
    text = scores_of(one, [one])
    assert cells_of(text, "below 0.5 %") == ["264", "0.7770", "0.8640"]
    assert cells_of(text, "above 2 %") == ["0", "-", "-"]


@pytest.mark.parametrize("windows", [0, 1, 117])
def test_false_alarms_are_told_of_windows_where_there_are_any(windows):
    one = made_up_assessment()
    one["validation"]["totals"][WINDOWS]["windows"] = windows
    text = scores_of(one, [one]) + "\n".join(weaknesses_of(one, [one]))
    assert ("no window of 320 x 320 px is without objects" in text) == (windows == 0)
    assert ("15.7% of such windows hold a false alarm" in text) == (windows > 0)
    if windows:
        noun = "1 window" if windows == 1 else f"{windows} windows"
        assert f"0.456% of the area of {noun} of 320 x 320 px without objects" in text


def test_pictures_without_objects_are_told_where_there_are_any():
    one = made_up_assessment()
    assert "In 2 pictures without any object: 3.210% of the area, MAE 0.0411." in scores_of(one, [one])
    one["validation"]["totals"]["empty_masks"] = {"pictures": 0, "false_alarm_area": None, "mae": None}
    assert "without any object" not in scores_of(one, [one])


def test_the_size_that_is_found_least_and_the_worst_pictures_are_named():
    one = made_up_assessment()
    lines = weaknesses_of(one, [one])
    assert lines[0].startswith("Objects 0.5 to 2 % of the picture are found least: 66.9% of 97 ")
    assert "The pictures of the lowest S: `VHR/042` (0.432), `VHR/7` (0.550)." in lines
    assert any(line.startswith("One seed says little") for line in lines)
    assert not any("One seed" in line for line in weaknesses_of(one, [one, made_up_assessment(2)]))


def test_without_any_object_no_size_is_called_weak():
    one = made_up_assessment()
    for row in one["validation"]["totals"]["objects_by_size"].values():
        row["objects"] = 0
    assert not any("found least" in line for line in weaknesses_of(one, [one]))
