"""A training's curves are drawn from whatever its rows hold, and the same rows give the same picture."""

from __future__ import annotations

import hashlib
import io
import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jobs.training.results import curves
from jobs.training.results.curves import MOST_CURVES, MOST_POINTS, Curve, draw_curves
from sgddiff_batch.errors import ConfigError

SIZE = (1150, 900)
BLUE, ORANGE = (31, 119, 180), (255, 127, 14)


def losses(count, **more):
    return [
        {"step": 10 * n, "rate": 6e-5 * (1 - n / count), "bce": math.exp(-n / count), **more}
        for n in range(count)
    ]


def scores(count):
    return [
        {"step": 100 * n, "max_f": 1 - math.exp(-n), "mean_f": 0.5, "mae": 0.1 / (n + 1)}
        for n in range(count)
    ]


def pixels(png):
    with Image.open(io.BytesIO(png)) as opened:
        assert opened.size == SIZE
        return np.asarray(opened.convert("RGB")).astype(int)


def area_of(png, colour, rows=slice(None)):
    """Pixels of a colour left of the legends."""
    return int((pixels(png)[rows, :790] == colour).all(axis=2).sum())


def read(rows):
    return curves._read_curves(rows)


def test_a_usual_run_has_its_losses_its_scores_and_its_rate():
    png = draw_curves(losses(30, iou=0.4), scores(6), "student")
    for panel in (slice(50, 395), slice(415, 690)):
        assert area_of(png, BLUE, panel) > 300
        assert area_of(png, ORANGE, panel) > 300
    assert area_of(png, BLUE, slice(705, 850)) > 300


def test_the_same_rows_give_the_same_bytes_whatever_the_style_of_the_user():
    import matplotlib as mpl

    first = draw_curves(losses(30), scores(6), "student")
    with mpl.rc_context({"lines.linewidth": 9, "figure.facecolor": "black", "font.size": 20}):
        assert draw_curves(losses(30), scores(6), "student") == first
        assert mpl.rcParams["lines.linewidth"] == 9


def test_another_process_draws_the_same_bytes_and_holds_no_pyplot():
    code = (
        "import hashlib, sys; from jobs.training.results.curves import draw_curves\n"
        "print('matplotlib' in sys.modules)\n"
        "png = draw_curves([{'step': n, 'rate': 1.0, 'bce': n + 1.0} for n in range(9)], [], 'x')\n"
        "print('matplotlib.pyplot' in sys.modules, hashlib.sha256(png).hexdigest())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    png = draw_curves([{"step": n, "rate": 1.0, "bce": n + 1.0} for n in range(9)], [], "x")
    assert found.split() == ["False", "False", hashlib.sha256(png).hexdigest()]


def test_the_file_tells_no_date_and_no_version():
    with Image.open(io.BytesIO(draw_curves(losses(3), [], ""))) as opened:
        assert set(opened.info) <= {"dpi"}


@pytest.mark.parametrize("count", [0, 1, 2, MOST_POINTS + 1])
def test_any_number_of_rows_is_drawn(count):
    drawn = draw_curves(losses(count), scores(min(count, 5)), "title")
    assert (area_of(drawn, BLUE) > 0) == (count > 0)


def test_a_hundred_thousand_rows_are_thinned():
    rows = losses(100_000)
    rows[50_000]["bce"] = 40.0
    (curve,) = [curve for name, curve in read(rows).items() if name == "bce"]
    steps, means, least, greatest = curves._thinned(curve, None)
    assert len(steps) == len(means) == MOST_POINTS
    assert greatest.max() == 40.0
    assert (least <= means).all()
    assert (means <= greatest).all()
    assert steps[0] < 1000
    assert steps[-1] > 998_000
    assert area_of(draw_curves(rows, [], "long"), BLUE) > 300


def test_thinning_loses_no_value():
    curve = Curve("x", np.arange(2003.0), np.random.default_rng(0).normal(size=2003), 0)
    _, means, least, greatest = curves._thinned(curve, None)
    assert least.min() == curve.values.min()
    assert greatest.max() == curve.values.max()
    assert means.mean() == pytest.approx(curve.values.mean(), abs=0.01)


def test_values_that_are_not_finite_or_too_large_are_left_out_and_counted():
    values = [1.0, math.nan, math.inf, -math.inf, 1e300, 10**400, None, 2.0]
    curve = read([{"step": n, "bce": value} for n, value in enumerate(values)])["bce"]
    assert curve.values.tolist() == [1.0, 2.0]
    assert curve.steps.tolist() == [0.0, 7.0]
    assert curve.lost == 5
    assert curves._last_value(curve) == "bce  2 (5 not finite)"


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 0.0, -1.0, 1e30, -1e30, 5e-324, 1e300], ids=lambda value: f"{value:g}"
)
def test_no_value_stops_the_drawing(value):
    rows = [{"step": n, "rate": value, "bce": value, "iou": 1.0} for n in range(5)]
    some = [{"step": 1, "max_f": value, "mae": value}]
    assert area_of(draw_curves(rows, some, ""), ORANGE) > 0
    pixels(draw_curves([{"step": 1, "bce": value}], some, ""))


def test_losses_are_on_a_log_scale_only_where_all_are_positive():
    def lower_half(low):
        rows = [{"step": n, "bce": value} for n, value in enumerate([100.0, 1.0, 1.0, low, 1.0, 1.0])]
        return area_of(draw_curves(rows, [], ""), BLUE, slice(300, 400)) > 300

    assert not lower_half(0.01)  # halfway between .01 and 100 on a log scale
    assert lower_half(0.0)  # next to the bottom on a linear one


def test_of_rows_of_one_step_the_last_counts_and_steps_are_put_in_order():
    curve = read([{"step": 20, "bce": 1.0}, {"step": 10, "bce": 2.0}, {"step": 20, "bce": 3.0}])["bce"]
    assert curve.steps.tolist() == [10.0, 20.0]
    assert curve.values.tolist() == [2.0, 3.0]


def test_a_loss_that_appears_late_starts_where_it_appears():
    found = read([{"step": 1, "bce": 1.0}, {"step": 2, "bce": 1.0, "feature": 3.0}])
    assert list(found) == ["bce", "feature"]
    assert found["feature"].steps.tolist() == [2.0]
    assert found["feature"].lost == 0


def test_the_best_score_is_told_with_its_step_and_for_mae_the_least():
    curve = Curve("max_f", np.array([1.0, 2000.0, 3000.0]), np.array([0.1, 0.8, 0.7]), 0)
    assert curves._best_value(curve, np.argmax) == "max_f  0.7, best 0.8 at 2,000"
    assert curves._best_value(curve, np.argmin) == "max_f  0.7, best 0.1 at 1"


@pytest.mark.parametrize("text", ["$x^{", "_hidden", "__", "字\ud800\n", "x" * 5000, "\\frac{$", "{}%s"])
def test_hostile_names_and_titles_are_drawn_as_text(text):
    rows = [{"step": n, "rate": 1.0, text: 1.0} for n in range(3)]
    drawn = pixels(draw_curves(rows, [{"step": 1, text: 0.5}], text))
    assert (drawn[14:40, 98:140] < 255).any()
    assert (drawn[:14] == 255).all()
    assert (drawn[42:52] == 255).all()


def test_a_name_that_starts_with_an_underscore_is_not_hidden():
    curve = Curve("_bce", np.array([1.0]), np.array([2.0]), 0)
    assert curves._last_value(curve) == "bce  2"


def test_of_very_many_losses_the_first_are_drawn_and_the_others_counted():
    names = {f"loss_{n}": n + 1.0 for n in range(MOST_CURVES + 30)}
    rows = [{"step": n, **names} for n in range(3)]
    pixels(draw_curves(rows, [], "many"))
    panel = curves._panels("many")[1][0]
    curves._draw_losses(panel, list(curves._read_curves(rows).values()))
    assert len(panel.lines) == MOST_CURVES
    legend = panel.get_legend()
    assert [text.get_text().split()[0] for text in legend.get_texts()] == list(names)[:MOST_CURVES]
    assert legend.get_title().get_text() == "30 more are not drawn"


@pytest.mark.parametrize("row", [{"bce": 1.0}, {"step": math.nan, "bce": 1.0}, {"step": None}])
def test_a_row_without_a_step_is_refused(row):
    with pytest.raises(ValueError, match="finite 'step'"):
        draw_curves([row], [], "")


def test_without_matplotlib_the_error_tells_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'sgddiff-batch\[train\]'") as raised:
        draw_curves([], [], "")
    assert "\n" not in str(raised.value)
