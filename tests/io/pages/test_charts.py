"""Charts are drawings of their numbers, well formed whatever the numbers and names are."""

from __future__ import annotations

import pytest

from sgddiff_batch.io.pages.charts import drawing, line_of, pairs_of_bars, stages_bar
from tests.kit.pages import SeenPage


def parts(svg, tag):
    seen = SeenPage(svg)
    assert seen.wrong == []
    return seen.all(tag)


def test_bars_are_as_high_as_shares_whatever_the_counts_of_the_other_side():
    bars = parts(pairs_of_bars(["a", "b"], [1, 3], [300, 100]), "rect")
    heights = {(bar["class"], n // 2): float(bar["height"]) for n, bar in enumerate(bars)}
    assert heights[("now", 0)] == heights[("before", 1)]
    assert heights[("now", 1)] == heights[("before", 0)]
    assert heights[("now", 1)] == pytest.approx(3 * heights[("now", 0)], rel=0.01)


def test_without_runs_before_there_are_the_bars_of_this_one():
    assert len(parts(pairs_of_bars(["a", "b"], [1, 3], ()), "rect")) == 2
    assert len(parts(pairs_of_bars(["a", "b"], [0, 0], None), "rect")) == 2


def test_a_line_marks_this_run_and_leaves_gaps():
    circles = parts(line_of([1.0, None, 3.0], ["a", "", "<c>"], "what"), "circle")
    assert [circle["class"] for circle in circles] == ["dot", "last"]
    assert float(circles[1]["cy"]) < float(circles[0]["cy"]), "more is higher"
    assert [circle["class"] for circle in parts(line_of([1.0, 1.0, None], [""] * 3, ""), "circle")] == [
        "dot"
    ] * 2
    assert line_of([None, 3.0], ["", ""], "one value is no line") == ""


def test_stages_fill_the_bar():
    bars = parts(stages_bar([("infer <&", 3.0), ("read", 1.0)]), "rect")
    assert [float(bar["width"]) for bar in bars] == [750, 250]
    assert stages_bar([]) == ""
    assert stages_bar([("read", 0.0)]) == ""


def test_a_drawing_is_not_escaped_once_more():
    assert drawing("<svg></svg>").__html__() == "<svg></svg>"
