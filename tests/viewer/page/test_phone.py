"""The page in a window as narrow as a phone's: what is looked for first is in view, and the rest unfolds."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pyarrow.parquet as pq

from tests.kit.browser import DESKTOP, PHONE
from tests.kit.file_server import FileServer, serving
from tests.viewer.page.examples import PAGE, config_of, go, settle, write_catalogue


def names(one):
    return one.page.locator("#list .name").all_inner_texts()


def test_the_list_is_in_view_and_filters_unfold(visit, address):
    one = visit(address, window=PHONE, touch=True)
    settle(one)
    first, filters = one.page.locator("#list button >> nth=0"), one.page.locator("#filters")
    box = first.bounding_box()
    assert box["y"] + box["height"] <= PHONE[1]
    assert not filters.is_visible()
    one.page.get_by_text("Filters", exact=True).click()
    assert filters.is_visible()
    one.page.fill("#text", "swiss")
    assert names(one) == ["Swiss"]


def test_filters_are_open_where_they_are_used_and_where_there_is_room(visit, address):
    one = visit(f"{address}#name=swiss", window=PHONE, touch=True)
    settle(one)
    filters, summary = one.page.locator("#filters"), one.page.get_by_text("Filters", exact=True)
    assert (filters.is_visible(), names(one)) == (True, ["Swiss"])
    go(one, "")
    assert not filters.is_visible()
    one.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    filters.wait_for(state="visible")
    assert not summary.is_visible()


def test_no_footprint_lies_below_the_buttons_at_first(visit, tmp_path):
    write_catalogue(tmp_path, 300)
    boxes = pq.read_table(tmp_path / "catalogue.parquet")["bbox"].to_pylist()
    documents = {"/page/config.json": config_of()}
    with serving(FileServer({"page": PAGE, "output": tmp_path}, documents)) as server:
        one = visit(f"{server.address}/page/index.html", window=PHONE, touch=True)
        settle(one)
        buttons, chart = (one.page.locator(name).bounding_box() for name in ("#map-buttons", "#map"))
        words = dict(parse_qsl(one.page.url.partition("#")[2]))
        middle, _, degrees_per_px = (float(part) for part in words["view"].split(","))
        edge = middle + (buttons["x"] - chart["x"] - chart["width"] / 2) * degrees_per_px
        assert max(box["xmax"] for box in boxes) <= edge
        one.page.close()
