"""The page opened from disk, and on a server that knows no ranges: nothing but files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.io.mosaic_examples import stored_codes
from tests.kit.file_server import FileServer, serving
from tests.viewer.page.examples import GREY, PAGE, facts, seen, settle


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    return shutil.copytree(PAGE, tmp_path_factory.mktemp("disk") / "page")


def chosen(visit, on_disk, folder):
    one = visit((on_disk / "index.html").as_uri() + f"#{GREY}", window=(760, 560))
    assert one.page.locator("#start").is_visible()
    one.page.set_input_files("#folder", folder)
    return one


def test_a_chosen_folder_is_shown_from_its_files_alone(visit, on_disk, grids):
    output, stores = grids
    one = chosen(visit, on_disk, output)
    one.page.wait_for_selector("#list button")
    settle(one)
    one.page.click("text=UTM north")
    one.page.wait_for_selector("#mosaic-name:has-text('UTM north')")
    one.page.locator("#map").press("Enter")
    told = facts(one, "pixel")
    row, col = (int(word) for word in told["pixel"].replace("row ", "").split(", column "))
    assert told["code"].split()[0] == str(stored_codes(f"{output}/{stores['UTM north']}")[row, col])
    assert len(np.unique(seen(one).codes)) > 100
    assert not [address for address in one.requests if not address.startswith(("file:", "data:", "blob:"))]


def test_another_folder_is_refused_and_the_next_one_taken(visit, on_disk, grids, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("a")
    one = chosen(visit, on_disk, tmp_path / "other")
    one.page.wait_for_selector("#notice.error")
    assert "no catalogue.parquet" in one.page.inner_text("#notice")
    one.page.set_input_files("#folder", grids[0])
    one.page.wait_for_selector("#list button")
    assert one.page.locator("#notice").is_hidden()


CONFIGS = {
    "not there": (None, "config.json beside this page: 404"),
    "of a later format": (b'{"format_version": 2}', "is of format 2, this page reads 1"),
    "no object": (b"[]", "holds [], and no object"),
    "no JSON": (b"{", "could not be started"),
    "without a slash": (b'{"format_version": 1, "title": "t", "output": "out"}', 'must end with "/"'),
    "of no output": (b'{"format_version": 1, "title": "t", "output": "gone/"}', "catalogue.parquet: 404"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_that_is_of_no_use_is_said_so(visit, kind):
    document, words = CONFIGS[kind]
    with serving(FileServer({"page": PAGE}, {"/page/config.json": document} if document else {})) as server:
        one = visit(f"{server.address}/page/index.html")
        one.page.wait_for_selector("#notice.error")
        assert words in one.page.inner_text("#notice")
        one.expected("404")
