"""The map of footprints: each in its place, across the antimeridian too, and of many how many lie where."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.pages.maps import MOST_DRAWN, Footprints, map_of
from tests.kit.pages import SeenPage


def footprints(*boxes, new=(), ids=None):
    table = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    is_new = np.isin(np.arange(len(table)), new)
    return Footprints(ids or [str(number) for number in range(len(table))], table, is_new)


def rects(svg):
    seen = SeenPage(svg)
    assert seen.wrong == []
    return [rect for rect in seen.all("rect") if rect["class"] != "sea"]


LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


@given(st.lists(st.tuples(LON, LAT, LON, LAT), min_size=1, max_size=6))
def test_every_box_is_on_the_map_whatever_the_boxes(boxes):
    ordered = [(w, min(s, n), e, max(s, n)) for w, s, e, n in boxes]
    svg = map_of(footprints(*ordered))
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    drawn = rects(svg)
    assert len(drawn) == sum(2 if west > east else 1 for west, _, east, _ in ordered)
    for rect in drawn:
        x, y, w, h = (float(rect[name]) for name in ("x", "y", "width", "height"))
        assert w >= 5
        assert h >= 5
        assert x >= -3
        assert x + w <= width + 3
        assert y >= -3
        assert y + h <= height + 3
    assert 220 <= height <= 560


def test_a_box_across_the_antimeridian_is_in_two_parts_at_the_two_ends():
    first, second = rects(map_of(footprints((179, 0, -179, 1))))
    assert float(first["x"]) > 900
    assert float(second["x"]) < 100


def test_north_is_up_and_east_is_right_and_new_ones_are_drawn_last():
    drawn = rects(map_of(footprints((10, 50, 11, 51), (0, 0, 1, 1), new=[0])))
    assert [rect["class"] for rect in drawn] == ["old", "new"]
    south_west, north_east = drawn
    assert float(north_east["x"]) > float(south_west["x"])
    assert float(north_east["y"]) < float(south_west["y"])


def test_a_place_that_nobody_knows_is_left_out():
    nowhere = (np.nan,) * 4
    assert len(rects(map_of(footprints(nowhere, (0, 0, 1, 1))))) == 1
    assert map_of(footprints(nowhere)) == ""
    assert map_of(footprints()) == ""


def test_of_many_the_map_tells_how_many_lie_where():
    rng = np.random.default_rng(1)
    corners = rng.uniform((-10, 40), (10, 50), (MOST_DRAWN + 1, 2))
    svg = map_of(footprints(*np.hstack([corners, corners + 0.1]), new=range(7)))
    counts = [int(n.replace(",", "")) for n in re.findall(r"<title>([\d,]+) mosaics", svg)]
    new = [int(n) for n in re.findall(r"mosaics, (\d+) of them", svg)]
    assert (sum(counts), sum(new)) == (MOST_DRAWN + 1, 7)
    assert len(svg) < 400_000


@pytest.mark.parametrize("name", ["</title><script>x</script>", 'a"b', "a&b"])
def test_names_are_text_and_nothing_else(name):
    seen = SeenPage(map_of(footprints((0, 0, 1, 1), ids=[name])))
    assert (seen.wrong, seen.all("script")) == ([], [])
    assert name in seen.text


def test_land_lies_below_the_boxes_where_the_map_is_large_enough_for_its_outlines():
    wide = SeenPage(map_of(footprints((-10, 40, 20, 60))))
    assert [path["class"] for path in wide.all("path")] == ["land"]
    kinds = [attrs.get("class") for _, attrs in wide.tags]
    assert kinds.index("land") < kinds.index("grid") < kinds.index("old")
    near = SeenPage(map_of(footprints((10, 50, 10.2, 50.1))))
    assert len(near.all("path")) == 1, "of the globe in the corner alone"
    globe = SeenPage(map_of(footprints((-170, -60, 170, 70))))
    assert len(globe.all("path")) == 1
    assert not [one for one in globe.all("circle") if one["class"] == "here"]


def test_the_mark_on_the_globe_is_where_the_boxes_are():
    (here,) = SeenPage(map_of(footprints((90, 45, 91, 46)))).all("circle")
    assert float(here["cx"]) == pytest.approx(1000 * 270.5 / 360, abs=1)
    assert float(here["cy"]) == pytest.approx(500 * 44.5 / 180, abs=1)
