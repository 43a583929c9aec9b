"""Curves are drawn where their values are; what is no number is left out."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.trainings.curves import MOST_CURVES, curves_of, drawn, legend
from tests.kit.pages import SeenPage

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True),
    st.text(max_size=3),
    st.lists(st.none()),
)


def rows_of(**series):
    return [
        {"step": step, **{name: values[step] for name, values in series.items()}}
        for step in range(len(next(iter(series.values()))))
    ]


def points(svg, number=0):
    lines = SeenPage(svg).all("polyline")
    return [tuple(map(float, pair.split(","))) for pair in lines[number]["points"].split()]


def test_more_is_higher_and_later_is_further_right():
    placed = points(drawn(curves_of(rows_of(s=[1.0, 3.0, 2.0])), "scores"))
    assert [x for x, _ in placed] == sorted(x for x, _ in placed)
    assert placed[1][1] < placed[2][1] < placed[0][1]


def test_losses_are_drawn_by_their_logarithms_if_all_are_above_0():
    even = points(drawn(curves_of(rows_of(loss=[1.0, 0.1, 0.01])), "losses", log=True))
    assert even[1][1] == pytest.approx((even[0][1] + even[2][1]) / 2, abs=0.2)
    plain = points(drawn(curves_of(rows_of(loss=[1.0, 0.1, 0.0])), "losses", log=True))
    assert plain[1][1] > (plain[0][1] + plain[2][1]) / 2 + 20


def test_of_a_step_that_was_made_twice_the_last_counts():
    curves = curves_of([{"step": 2, "a": 1.0}, {"step": 1, "a": 5.0}, {"step": 2, "a": 3.0}])
    assert (curves[0].steps.tolist(), curves[0].values.tolist()) == ([1.0, 2.0], [5.0, 3.0])


def test_names_are_chosen_or_left_out():
    rows = rows_of(a=[1, 2], rate=[3, 4])
    assert [curve.name for curve in curves_of(rows, but=("rate",))] == ["a"]
    assert [curve.name for curve in curves_of(rows, ("rate", "none"))] == ["rate"]


@given(st.lists(st.one_of(ANYTHING, st.dictionaries(st.sampled_from(["step", "a", "b"]), ANYTHING))))
def test_whatever_a_history_holds_is_drawn_or_left_out(rows):
    curves = curves_of(rows)
    svg = drawn(curves, "x", log=True)
    assert "nan" not in svg
    assert "inf" not in svg
    for curve in curves:
        assert all(math.isfinite(value) for value in curve.values)
    page = SeenPage(svg)
    assert page.wrong == []
    numbers = [float(n) for line in page.all("polyline") for n in re.split("[ ,]", line["points"])]
    assert all(-1 <= number <= 621 for number in numbers)


def test_a_long_curve_has_few_points_and_many_curves_are_cut():
    svg = drawn(curves_of(rows_of(a=[float(n % 7) for n in range(50_000)])), "x")
    assert len(points(svg)) == 300
    many = curves_of([{"step": step, **{str(n): 1.0 * n for n in range(40)}} for step in (1, 2)])
    assert len(SeenPage(drawn(many, "x")).all("polyline")) == MOST_CURVES == len(legend(many, {}))


def test_the_legend_tells_the_best_score_where_more_or_less_is_better():
    curves = curves_of(rows_of(s=[0.1, 0.9, 0.5], mae=[0.3, 0.1, 0.2]))
    first, second = legend(curves, {"s": True, "mae": False})
    assert first["words"] == "0.5, best 0.9 at step 1"
    assert second["words"] == "0.2, best 0.1 at step 1"
    assert legend(curves_of(rows_of(a=[1.0])), {})[0]["words"] == "1"


def test_without_curves_there_is_no_drawing_and_a_single_value_is_a_dot():
    assert drawn([], "x") == ""
    assert len(SeenPage(drawn(curves_of([{"step": 4, "a": 1}]), "x")).all("circle")) == 1
