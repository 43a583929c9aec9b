"""Objects on the map: outlines where their pixels are, and what is told of the one under a click."""

from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.objects import find_objects
from tests.io.area_examples import publish_scenes, put_scene
from tests.runs.areas.test_compose import World
from tests.viewer.page.examples import GRIDS, facts, go, on_a_map, seen, settle, show, size_of, words_of

DAY_S = 86400.0
SHIP = (slice(100, 140), slice(150, 230))
NAMES = ("UTM south", "rotated", "oblong pixels", "rows that go up", "no CRS")


def with_a_ship(grid, code=230):
    codes = np.full((grid.height_px, grid.width_px), 20, np.uint8)
    codes[SHIP] = code
    return codes


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects") / "out"
    shown = {name: (GRIDS[name], with_a_ship(GRIDS[name])) for name in NAMES}
    shown["UTM south, later"] = (GRIDS["UTM south"], with_a_ship(GRIDS["UTM south"], 200))
    times = {"UTM south": TimeSpan(1e9, 1e9), "UTM south, later": TimeSpan(1e9 + DAY_S, 1e9 + DAY_S)}
    stores = show(folder, shown, times)
    find_objects(str(folder), ObjectSettings(threshold=0.5))
    return folder, stores


@pytest.fixture(scope="module")
def one(browser, output):
    with on_a_map(browser, output[0], (760, 560)) as opened:
        yield opened


@pytest.mark.parametrize("name", NAMES)
def test_an_outline_lies_around_the_pixels_of_its_object(one, output, name):
    go(one, words_of(mosaic=output[1][name], view="190,120,0.25"))
    bare = seen(one).codes
    height, width = size_of(one)
    lines = np.abs(seen(one, lines=True).codes - bare) > 0
    for edge, (y, x) in {"left": (0, -160), "right": (0, 160), "top": (-80, 0), "bottom": (80, 0)}.items():
        around = lines[height // 2 + y - 2 : height // 2 + y + 3, width // 2 + x - 2 : width // 2 + x + 3]
        assert around.any() or name == "rotated", edge
    assert one.page.inner_text("#objects-count") == "(1)"
    one.page.locator("#objects").uncheck()
    settle(one)
    assert (np.abs(seen(one, lines=True).codes - bare) > 0).sum() < lines.sum()
    one.page.locator("#objects").check()


@pytest.mark.parametrize("name", NAMES)
def test_a_pixel_of_an_object_tells_of_it(one, output, name):
    go(one, words_of(mosaic=output[1][name], pixel="120,190"))
    told = facts(one, "object")
    assert told["pixels"] == "3200"
    assert told["saliency"] == "mean 0.906, most 0.906"
    go(one, words_of(mosaic=output[1][name], pixel="10,10"))
    facts(one, "pixel")
    assert one.page.locator("#object").is_hidden()


def test_its_history_has_every_scene_that_shows_it_the_oldest_first(one, output):
    go(one, words_of(mosaic=output[1]["UTM south, later"], pixel="120,190"))
    facts(one, "object")
    seen_in = one.page.locator("#history li").all_inner_texts()
    assert [text.split(" · ")[:2] for text in seen_in] == [
        ["2001-09-09 01:46 UTC", "UTM south"],
        ["2001-09-10 01:46 UTC", "UTM south, later"],
    ]


def region(rows, cols):
    return slice(*rows), slice(*cols)


ROWS, BELOW = (100, 140), (200, 240)
FATES = {
    "1 before": (
        region(ROWS, (100, 200)),
        region(ROWS, (210, 250)),
        region((20, 40), (20, 40)),
        region(BELOW, (100, 220)),
    ),
    "2 after": (region(ROWS, (100, 250)), region(BELOW, (100, 170)), region(BELOW, (180, 220))),
}
"""Two regions become one, a third one is no more, and a fourth one falls apart."""


@pytest.fixture(scope="module")
def fates(tmp_path_factory):
    folder, grid = tmp_path_factory.mktemp("fates") / "out", GRIDS["UTM north"]
    shown, times = {}, {}
    for number, (name, places) in enumerate(FATES.items()):
        codes = np.full((grid.height_px, grid.width_px), 20, np.uint8)
        for place in places:
            codes[place] = 230
        shown[name] = grid, codes
        times[name] = TimeSpan(1e9 + number * DAY_S, 1e9 + number * DAY_S)
    stores = show(folder, shown, times)
    find_objects(str(folder), ObjectSettings(threshold=0.5))
    return folder, stores


def told_of(one, store, pixel, area=""):
    """Return the id, the state and the history of the object at a pixel."""
    go(one, words_of(area=area, mosaic=store, pixel=pixel))
    told = facts(one, "object")
    history = [line.split(" · ") for line in one.page.locator("#history li").all_inner_texts()]
    return one.page.inner_text("#object-id"), told["state now"], history


def test_merged_vanished_and_split_objects_are_told_apart_and_have_their_history(browser, fates):
    folder, stores = fates
    with on_a_map(browser, folder, (760, 560)) as one:
        before, after = (stores[name] for name in FATES)
        small, state, history = told_of(one, before, "120,230")
        large, stays, both = told_of(one, before, "120,150")
        assert (state, stays) == (f"merged: part of {large} now", "seen")
        assert [line[1] for line in history] == ["1 before"]
        assert [line[1:2] + line[3:] for line in both] == [["1 before"], ["2 after", f"took in {small}"]]
        _, state, history = told_of(one, before, "30,30")
        assert state == "vanished: a later mosaic has data here and does not show it"
        assert [line[1] for line in history] == ["1 before"]
        whole, state, _ = told_of(one, before, "220,200")
        assert state == "seen"
        _, state, history = told_of(one, after, "220,200")
        assert (state, [line[3:] for line in history]) == ("seen", [[f"split from {whole}"]])


def test_the_line_of_the_mosaic_that_is_open_is_marked(browser, fates):
    folder, stores = fates
    with on_a_map(browser, folder) as one:
        told_of(one, stores["2 after"], "120,150")
        assert "2 after" in one.page.inner_text("#history li[aria-current=true]")


def test_objects_of_an_area_have_their_periods_and_what_vanished_is_said(browser, tmp_path):
    world = World(tmp_path)
    pier, ship = (slice(5, 60), slice(5, 12)), (slice(30, 40), slice(40, 70))
    for name, places in (("jan.tif", (pier, ship)), ("feb.tif", (pier,))):
        codes = np.zeros((80, 80), np.uint8)
        for place in places:
            codes[place] = 230
        put_scene(world.output, name, codes)
    publish_scenes(world.output, {"jan.tif": "2026-01-05T10:00:00Z", "feb.tif": "2026-02-05T10:00:00Z"})
    assert world.night("--set", "objects.threshold=0.7") == 0
    (january,) = (uri for name, uri in world.mosaics().items() if name.startswith("2026-01"))
    store = january.removeprefix(f"{world.area.uri}/")
    with on_a_map(browser, tmp_path / "out") as one:
        _, state, history = told_of(one, store, "35,50", area="monthly")
        assert state.startswith("vanished: ")
        assert [line[0] for line in history] == ["2026-01-01 00:00 UTC"]
        _, state, history = told_of(one, store, "20,8", area="monthly")
        assert state == "seen"
        assert [line[0][:7] for line in history] == ["2026-01", "2026-02"]
        assert [line[1][:7] for line in history] == ["2026-01", "2026-02"]
