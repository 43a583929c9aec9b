"""What is replaced or removed while it is looked at: it is said, and is no mixture and no false hole."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.object_settings import ObjectSettings
from sgddiff_batch.io.objects import find_objects
from tests.viewer.page.examples import (
    PAGE,
    first_picture,
    go,
    seen,
    settle,
    show,
    wkt,
    words_of,
    write_catalogue,
)
from tests.viewer.site_examples import served

NAME = "a.tif"
GRID = Grid(600, 600, Transform(10, 0, 499980, 0, -10, 5800040), wkt(32633))
NEW = "has changed since this page was opened: load the page again"


def picture():
    """Return codes with an object in each of its shards."""
    codes = np.full((600, 600), 20, np.uint8)
    codes[20:60, 20:60] = codes[540:580, 540:580] = 230
    return codes


@pytest.fixture
def looked_at(visit, tmp_path):
    """The folder of a mosaic and of its output, and the page that shows the upper left chunk of it."""
    output = tmp_path / "out"
    stores = show(output, {NAME: (GRID, picture())})
    find_objects(str(output), ObjectSettings(threshold=0.5))
    padded(output / "objects.parquet")
    with served(str(output), PAGE) as asker:
        one = visit(
            f"{asker.server.url}#{words_of(mosaic=stores[NAME], view='20,20,0.1')}", window=(760, 560)
        )
        settle(one)
        yield one, output, stores[NAME]
        one.page.close()


def padded(path):
    """Make a table so large that it is read in parts; another one each time."""
    table = pq.read_table(path)
    extra = {b"padding": os.urandom(2**18).hex().encode()}
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, **extra}), path)


def complaint(one):
    one.page.wait_for_selector("#notice.error")
    return one.page.inner_text("#notice")


def test_objects_that_were_drawn_anew_are_said_and_the_pixel_is_told(looked_at):
    one, output, store = looked_at
    padded(output / "objects.parquet")
    go(one, words_of(mosaic=store, view="20,20,0.1", pixel="30,30"))
    assert complaint(one) == f"The history of the object could not be read: objects.parquet {NEW}"
    assert one.page.inner_text("#pixel-value") == "0.906"
    assert "1600" in one.page.inner_text("#object-facts")
    assert one.expected("^412: GET .*objects.parquet$")
    one.page.reload()
    settle(one)
    one.page.wait_for_selector("#history li")
    assert one.page.locator("#notice").is_hidden()


def test_a_shard_that_is_another_one_now_is_not_read_with_the_index_of_before(looked_at):
    """Its chunks lie elsewhere now: by the former index they would be other bytes, or none."""
    one, output, store = looked_at
    shard = output / store / "0" / "saliency" / "c" / "0" / "0"
    other = output / store / "0" / "saliency" / "c" / "1" / "1"
    shutil.copyfile(other, shard.with_suffix(".new"))
    shard.with_suffix(".new").replace(shard)
    go(one, words_of(mosaic=store, view="100,100,0.1"))
    assert complaint(one).endswith(f"/0/saliency/c/0/0 {NEW}")


@pytest.mark.parametrize("what", ["shard", "mosaic"])
def test_what_was_removed_is_said_and_is_no_hole(looked_at, what):
    one, output, store = looked_at
    gone = output / store / "0" / "saliency" / "c" / "0" / "0"
    if what == "shard":
        gone.unlink()
        go(one, words_of(mosaic=store, view="100,100,0.1"))
    else:
        shutil.rmtree(output / store)
        go(one, words_of(mosaic=store, view="500,500,0.1"))
    assert NEW in complaint(one)
    assert one.expected("^404")


def test_a_catalogue_that_is_published_between_its_two_parts_is_said(visit, tmp_path):
    output = tmp_path / "out"
    show(output, {NAME: (GRID, picture())})
    write_catalogue(output, 4000)
    with served(str(output), PAGE) as asker:
        one = visit(f"{asker.server.url}LICENSES.txt", window=(760, 560))
        seen_before = []

        def publish_first(route):
            asked = route.request.headers.get("range", "")
            if len(seen_before) == LATER:
                write_catalogue(output, 4001)
            seen_before.append(asked)
            route.continue_()

        one.page.route("**/catalogue.parquet", publish_first)
        one.page.goto(asker.server.url)
        assert complaint(one) == (
            f"Outlines and measures of the mosaics could not be read: catalogue.parquet {NEW}"
        )
        assert one.page.inner_text("#count") == "4,000 mosaics"
        assert one.expected("^412")
        one.page.unroute("**/catalogue.parquet")
        one.page.reload()
        first_picture(one)
        assert one.page.inner_text("#count") == "4,001 mosaics"
        assert (seen(one, lines=True).pixels[..., 2] > 0).any()
        one.page.close()


LATER = 7
"""Requests for the catalogue of a first picture: its size, its end, and five parts."""
