"""Objects on the map: outlines where their pixels are, and what is told of the one under a click."""

from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.objects import find_objects
from tests.kit.browser import visits
from tests.viewer.page.examples import GRIDS, PAGE, facts, go, seen, settle, show, size_of, words_of
from tests.viewer.site_examples import served

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
    with served(str(output[0]), PAGE) as asker, visits(browser) as visit:
        opened = visit(asker.server.url, window=(760, 560))
        settle(opened)
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
