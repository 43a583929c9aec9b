"""What a config.json says beyond one output: areas beside it, and a basemap below everything."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.io.objects import find_objects
from tests.kit.file_server import FileServer, serving
from tests.viewer.page.examples import (
    GRIDS,
    PAGE,
    codes_in_squares,
    config_of,
    facts,
    go,
    seen,
    settle,
    show,
    words_of,
)
from tests.viewer.site_examples import served

BLUE = (10, 90, 200)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The folders of an output and of an area beside it, each of one mosaic, and the store of the area's."""
    folder, made = tmp_path_factory.mktemp("areas"), []
    for name in ("UTM north", "web mercator"):
        made.append(show(folder / name, {name: (GRIDS[name], codes_in_squares(GRIDS[name]))})[name])
    return folder / "UTM north", folder / "web mercator", made[1]


@pytest.fixture
def site(outputs):
    with serving(FileServer({"page": PAGE, "output": outputs[0], "area": outputs[1]})) as server:
        yield server


def names(one):
    return one.page.locator("#list .name").all_inner_texts()


def test_the_mosaics_of_an_area_are_chosen_and_linked(visit, site, outputs):
    site.documents["/page/config.json"] = config_of(areas=[{"name": "a <b> coast", "output": "/area/"}])
    one = visit(f"{site.address}/page/index.html", window=(760, 560))
    settle(one)
    assert names(one) == ["UTM north"]
    one.page.select_option("#area", label="area a <b> coast")
    one.page.wait_for_function("() => document.querySelector('#list .name').textContent === 'web mercator'")
    settle(one)
    go(one, f"area=a+%3Cb%3E+coast&mosaic={outputs[2]}&pixel=0,0")
    assert facts(one, "pixel")["code"] == "254 of 254"
    again = visit(one.page.url, window=(760, 560))
    assert facts(again, "pixel") == facts(one, "pixel")


def test_an_area_shows_its_own_objects_and_says_of_a_pixel_that_it_was_composed(visit, tmp_path):
    grid, folder = GRIDS["UTM north"], tmp_path / "out"
    area = folder / "_areas" / "monthly"
    store = [show(place, {"one": (grid, codes_in_squares(grid))})["one"] for place in (folder, area)][1]
    find_objects(str(area), ObjectSettings(threshold=0.5))
    asked = []

    def explain(uri, row, col):
        asked.append(uri)
        raise ValueError("an area mosaic: explain one of its scenes")

    with served(str(folder), PAGE, explain=explain) as asker:
        one = visit(asker.server.url, window=(760, 560))
        go(one, words_of(area="monthly", mosaic=store, pixel="0,0"))
        assert facts(one, "object")["saliency"] == "mean 1.000, most 1.000"
        words = one.page.wait_for_selector("#explained-facts dd", state="attached").text_content()
        assert words == "an area mosaic: explain one of its scenes"
        assert one.expected("400")
    assert asked == [str(area / store)]


def test_without_areas_nothing_is_to_be_chosen(visit, site):
    site.documents["/page/config.json"] = config_of()
    one = visit(f"{site.address}/page/index.html")
    settle(one)
    assert one.page.locator("#area").is_hidden()


def test_a_basemap_lies_below_and_says_whose_it_is(visit, site, outputs):
    picture = io.BytesIO()
    Image.new("RGB", (256, 256), BLUE).save(picture, "PNG")
    basemap = {"url": f"{site.address}/tiles/{{z}}/{{x}}/{{y}}.png", "attribution": "by <i>nobody</i>"}
    site.documents["/page/config.json"] = config_of(basemap=basemap)
    site.every["/tiles/"] = picture.getvalue()
    one = visit(f"{site.address}/page/index.html", window=(760, 560))
    assert (seen(one).pixels == BLUE).all(-1).mean() > 0.95
    assert one.page.inner_text("#attribution") == "by <i>nobody</i>"
    one.page.click("#list button")
    one.page.wait_for_selector("#mosaic-name:has-text('UTM north')")
    shown = seen(one).pixels
    corner = shown[5:40, 5:40].reshape(-1, 3)
    assert np.abs(corner.astype(int) - BLUE).max() <= 2
