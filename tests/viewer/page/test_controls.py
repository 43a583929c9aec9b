"""What a person does with the page: look, compare, search, share, by mouse and by keys."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote

import numpy as np
import pytest

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.times import TimeSpan
from tests.kit.browser import DESKTOP, PHONE, visits
from tests.viewer.page.examples import (
    PAGE,
    codes_in_squares,
    facts,
    go,
    seen,
    settle,
    show,
    size_of,
    wkt,
    words_of,
)
from tests.viewer.site_examples import served

DAY_S = 86400.0
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>\'";&%.tif'
HALVES = Grid(300, 400, Transform(10, 0, 499980, 0, -10, 5800040), wkt(32633))
BESIDE = Grid(300, 400, Transform(10, 0, 500980, 0, -10, 5800040), wkt(32633))
FAR = Grid(200, 200, Transform(10, 0, 299980, 0, -10, 2100040), wkt(32721))
CENTRE = "200,150,1"


def halves(low, high):
    """Codes that are low on the left and high on the right, with a square of no data in the middle."""
    codes = np.full((300, 400), low, np.uint8)
    codes[:, 200:] = high
    codes[140:160, 190:210] = 255
    return codes


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls") / "out"
    shown = {
        "2026/may.tif": (HALVES, halves(60, 200)),
        "2026/june.tif": (BESIDE, halves(10, 120)),
        "far/night.tif": (FAR, codes_in_squares(FAR)),
        HOSTILE: (HALVES, halves(0, 254)),
    }
    days = {"2026/may.tif": 20590, "2026/june.tif": 20620}
    times = {name: TimeSpan(day * DAY_S, day * DAY_S) for name, day in days.items()}
    return folder, show(folder, shown, times)


@pytest.fixture(scope="module")
def base(output):
    with served(
        str(output[0]), PAGE, explain=lambda uri, row, col: {"mosaic": uri, "words": f"{row}/{col}"}
    ) as asker:
        yield asker.server.url


@pytest.fixture(scope="module")
def one(browser, base):
    with visits(browser) as visit:
        opened = visit(base, window=(760, 560))
        settle(opened)
        yield opened


@pytest.fixture
def may(one, output):
    """The page with a mosaic open, one of its pixels a pixel of the screen, in shades of grey."""
    go(one, words_of(mosaic=output[1]["2026/may.tif"], view=CENTRE))
    settle(one)
    return one


def middle(visit):
    """Return the codes left and right of the middle of what is shown, above the square without data."""
    codes = seen(visit).codes
    height, width = codes.shape
    return codes[height // 2 - 50, width // 2 - 60], codes[height // 2 - 50, width // 2 + 60]


def slide(visit, name, value):
    visit.page.locator(f"#{name}").fill(str(value))
    settle(visit)


def state(visit):
    """Return the words of the address."""
    return dict(parse_qsl(visit.page.url.partition("#")[2], keep_blank_values=True))


def names(visit):
    return visit.page.locator("#list .name").all_inner_texts()


class TestLook:
    def test_what_is_below_the_threshold_is_not_there(self, may):
        assert middle(may) == (60, 200)
        slide(may, "threshold", 60)
        assert middle(may) == (60, 200)
        slide(may, "threshold", 61)
        assert middle(may) == (-1, 200)
        assert state(may)["threshold"] == "61"
        assert may.page.inner_text("#threshold-now") == "0.240"

    def test_opacity_lets_through_what_lies_below(self, may):
        full = seen(may).pixels
        slide(may, "opacity", 0)
        bare = seen(may).pixels
        slide(may, "opacity", 50)
        half = seen(may).pixels
        np.testing.assert_allclose(half, (full.astype(float) + bare) / 2, atol=2)
        assert len(np.unique(bare.reshape(-1, 3), axis=0)) <= 3

    def test_a_colour_map_colours_all_that_is_shown_at_once(self, may):
        before = seen(may).pixels
        may.page.select_option("#colours", "viridis")
        settle(may)
        after = seen(may).pixels
        height, width = before.shape[:2]
        assert before[height // 2 - 50, width // 2 + 60].tolist() == [201, 201, 201]
        assert after[height // 2 - 50, width // 2 + 60].tolist() == [114, 206, 85]

    def test_no_data_is_transparent_also_at_threshold_0(self, may):
        slide(may, "threshold", 0)
        codes = seen(may).codes
        height, width = codes.shape
        square = codes[height // 2 - 10 : height // 2 + 10, width // 2 - 10 : width // 2 + 10]
        assert (square == -1).all()
        assert (codes[height // 2 - 11, width // 2 - 10 : width // 2 + 10] >= 0).all()


class TestCompare:
    def test_left_of_the_line_is_the_scene_alone(self, may):
        may.page.evaluate("document.querySelector('#swipe [value=scene]').disabled = false")
        may.page.select_option("#swipe", "scene")
        settle(may)
        assert middle(may) == (-1, 200)

    def test_two_dates_of_a_place_lie_side_by_side_each_where_it_belongs(self, may, output):
        options = may.page.locator("#other option").all_inner_texts()
        assert any("june" in option for option in options)
        assert not any("night" in option for option in options)
        may.page.select_option("#other", output[1]["2026/june.tif"])
        settle(may)
        assert state(may)["swipe"] == "dates"
        may.page.wait_for_timeout(300)
        # Its columns begin 100 px farther right, so its own middle is at column 300 of the open one.
        assert middle(may) == (60, 10)

    def test_the_line_is_moved_by_keys_and_by_dragging(self, may, output):
        go(may, words_of(mosaic=output[1]["2026/may.tif"], other="", swipe="scene", view=CENTRE))
        line = may.page.locator("#divider")
        assert line.get_attribute("aria-valuenow") == "50"
        line.focus()
        for key in ("PageDown", "PageDown", "ArrowLeft"):
            line.press(key)
        assert line.get_attribute("aria-valuenow") == "28"
        assert middle(may) == (60, 200)
        box, (_, width) = line.bounding_box(), size_of(may)
        may.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
        may.page.mouse.down()
        may.page.mouse.move(box["x"] + box["width"] / 2 + 0.5 * width, box["y"] + 30)
        may.page.mouse.up()
        assert 77 <= int(line.get_attribute("aria-valuenow")) <= 79
        assert middle(may) == (-1, -1)
        assert 0.77 <= float(state(may)["split"]) <= 0.79


class TestSearch:
    @pytest.fixture
    def world(self, one):
        go(one, "colours=grey")
        one.page.click("#filters button[type=reset]")
        settle(one)
        return one

    def test_all_are_listed_the_newest_first(self, world):
        assert names(world)[:2] == ["2026/june.tif", "2026/may.tif"]
        assert world.page.inner_text("#count") == "4 mosaics"

    @pytest.mark.parametrize(
        ("field", "value", "left"),
        [
            ("text", "MAY", ["2026/may.tif"]),
            ("from", "2026-06-01", ["2026/june.tif"]),
            ("to", "2026-05-17", ["2026/may.tif"]),
            ("to", "2026-05-16", []),
            ("least", "60", []),
        ],
    )
    def test_a_filter_leaves_those_that_fit(self, world, field, value, left):
        world.page.fill(f"#{field}", value)
        assert names(world) == left
        assert world.page.inner_text("#count") == f"{len(left)} of 4 mosaics"

    def test_a_filter_is_in_the_link_and_out_of_the_map(self, world):
        before = seen(world, lines=True).pixels
        world.page.fill("#text", "nowhere")
        settle(world)
        after = seen(world, lines=True).pixels
        assert state(world)["name"] == "nowhere"
        dots = (before != after).any(-1).sum()
        assert 40 < dots < 400

    def test_states_are_those_that_there_are(self, world):
        assert world.page.locator("#state option").all_inner_texts() == ["any", "done"]


class TestLinks:
    def test_a_link_shows_the_same_again(self, may, visit, output):
        slide(may, "threshold", 100)
        go(may, words_of(mosaic=output[1]["2026/may.tif"], view="150,120,0.75", pixel="77,230"))
        again = visit(may.page.url, window=(760, 560))
        np.testing.assert_array_equal(seen(again, lines=True).pixels, seen(may, lines=True).pixels)
        assert facts(again, "pixel") == facts(may, "pixel")
        assert again.page.url == may.page.url

    def test_the_way_back_leads_back(self, one, output):
        go(one, words_of(mosaic=output[1]["2026/may.tif"], view=CENTRE))
        one.page.click("#list button >> nth=0")
        one.page.wait_for_function(
            "() => document.querySelector('#mosaic-name').textContent.includes('june')"
        )
        settle(one)
        one.page.go_back()
        one.page.wait_for_function("() => document.querySelector('#mosaic-name').textContent.includes('may')")
        settle(one)

    @pytest.mark.parametrize(
        "words", ["view=a,b,c&threshold=x", "threshold=-5&opacity=9&split=nan", "pixel=1e9,-3", "%"]
    )
    def test_what_is_wrong_in_a_link_is_as_usual(self, one, words):
        go(one, words)
        assert state(one).get("threshold") in (None, "0")
        assert one.page.inner_text("#notice") == ""

    def test_a_mosaic_that_is_gone_is_said(self, one):
        go(one, "mosaic=gone.zarr")
        assert "the catalogue has no mosaic gone.zarr" in one.page.inner_text("#notice")
        go(one, "")


class TestKeysAndVoices:
    def test_the_map_is_moved_and_asked_by_keys(self, may):
        chart = may.page.locator("#map")
        chart.focus()
        before = state(may)["view"]
        chart.press("ArrowRight")
        may.page.wait_for_function("(before) => !location.hash.includes(before)", arg=before)
        chart.press("Enter")
        assert facts(may, "pixel")["code"] == "200 of 254"
        chart.press("Escape")
        assert may.page.locator("#pixel").is_hidden()

    def test_everything_that_can_be_used_has_a_name(self, may):
        nameless = may.page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, [tabindex], canvas[role]')]
                .filter((one) => one.checkVisibility())
                .filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim()))
                .map((one) => one.outerHTML)"""
        )
        assert nameless == []

    def test_the_tab_key_reaches_the_map_first(self, visit, base):
        fresh = visit(base)
        fresh.page.keyboard.press("Tab")
        assert fresh.page.evaluate("document.activeElement.className") == "skip"


class TestWords:
    def test_hostile_names_are_text(self, one, output):
        go(
            one,
            words_of(mosaic=quote(output[1][HOSTILE])),
        )
        assert one.page.inner_text("#mosaic-name") == HOSTILE
        assert HOSTILE in names(one)
        assert one.page.title() == "out"

    def test_a_pixel_is_explained_where_somebody_can_be_asked(self, may, output):
        go(may, words_of(mosaic=output[1]["2026/may.tif"], view=CENTRE, pixel="10,20"))
        assert facts(may, "pixel")["code"] == "60 of 254"
        may.page.wait_for_selector("#explained", state="visible")
        told = may.page.locator("#explained-facts dd").all_text_contents()
        assert told == [f"{output[0]}/{output[1]['2026/may.tif']}", "10/20"]

    def test_a_pixel_without_data_says_so(self, may, output):
        go(may, words_of(mosaic=output[1]["2026/may.tif"], view=CENTRE, pixel="150,200"))
        facts(may, "pixel")
        assert may.page.inner_text("#pixel-value") == "no data"


@pytest.mark.parametrize("window", [PHONE, DESKTOP])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window(visit, base, output, window, dark):
    one = visit(
        f"{base}#mosaic={output[1]['2026/may.tif']}&pixel=10,20",
        window=window,
        dark=dark,
        touch=window == PHONE,
    )
    settle(one)
    assert one.page.evaluate("document.documentElement.scrollWidth") == window[0]
    assert re.match(r"rgb\((\d+)", one.page.evaluate("getComputedStyle(document.body).color"))[1] == (
        "230" if dark else "34"
    )
    assert size_of(one)[0] > 250
