"""What a first picture costs, and what the page makes of mosaics that are damaged, holed, or half there."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.planning import Tiling
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.storage import open_store
from tests.io.catalogue_examples import publish_all, record_of, store_of
from tests.io.mosaic_examples import build, mosaic_of
from tests.kit.file_server import FileServer, serving
from tests.viewer.page.examples import GREY, GRIDS, PAGE, config_of, seen, settle, wkt

MOST_REQUESTS, MOST_BYTES = 15, 2_000_000
SIDE = 5000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The folder of an output with a mosaic of real shards and chunks, noise throughout, and its store."""
    folder, store = tmp_path_factory.mktemp("large"), store_of("large.tif")
    grid = Grid(SIDE, SIDE, Transform(0.5, 0, 499980, 0, -0.5, 5800040), wkt(32633))
    codes = np.random.default_rng(0).integers(0, 64, (SIDE, SIDE), dtype=np.uint8)
    build(folder, mosaic_of(grid, Tiling(), store), codes)
    ObjectLedger(open_store(str(folder))).finish(record_of("large.tif", height_px=SIDE, width_px=SIDE))
    publish_all(open_store(str(folder)))
    return folder, store


@pytest.mark.parametrize("words", ["", "mosaic"])
def test_the_first_picture_takes_few_requests_and_bytes(visit, large, words):
    folder, store = large
    with serving(FileServer({"page": PAGE, "output": folder}, {"/page/config.json": config_of()})) as server:
        one = visit(f"{server.address}/page/index.html#{f'mosaic={store}&' if words else ''}{GREY}")
        assert not words or (seen(one).codes >= 0).mean() > 0.3
        settle(one)
        assert len(server.log) <= MOST_REQUESTS
        assert sum(count for *_, count in server.log) <= MOST_BYTES


@pytest.fixture
def broken(visit, grids, tmp_path):
    """A mosaic that may be broken before it is opened: its folder, and what opens it."""
    output, stores = grids
    store = stores["UTM north"]
    shutil.copytree(output, tmp_path / "out")
    with serving(
        FileServer({"page": PAGE, "output": tmp_path / "out"}, {"/page/config.json": config_of()})
    ) as server:

        def look():
            one = visit(
                f"{server.address}/page/index.html#mosaic={store}&view=214,150,1&{GREY}", window=(760, 560)
            )
            settle(one)
            return one

        yield tmp_path / "out" / store, look


def notice_of(one):
    one.page.wait_for_selector("#notice.error")
    return one.page.inner_text("#notice")


def test_a_shard_that_is_not_there_is_a_hole(broken):
    folder, look = broken
    (folder / "0" / "saliency" / "c" / "1" / "1").unlink()
    one = look()
    codes = seen(one).codes
    height, width = codes.shape
    row, col = height // 2 - 150 + 128, width // 2 - 214 + 128
    assert (codes[row : row + 128, col : col + 128] == -1).all()
    assert (codes[row - 60 : row, col : col + 60] >= 0).mean() > 0.5
    assert one.page.locator("#notice").is_hidden()
    one.expected("404")


@pytest.mark.parametrize("damage", ["cut off", "noise", "a bomb"])
def test_a_damaged_shard_is_said_and_the_others_are_shown(broken, damage):
    folder, look = broken
    shard = folder / "0" / "saliency" / "c" / "1" / "1"
    data = shard.read_bytes()
    huge = b"\x28\xb5\x2f\xfd\xe0" + (2**40).to_bytes(8, "little")
    changed = {
        "cut off": data[:-40],
        "noise": bytes(len(data) - 68) + data[-68:],
        "a bomb": huge + data[len(huge) :],
    }
    shard.write_bytes(changed[damage])
    one = look()
    assert "could not be read" in notice_of(one)
    assert (seen(one).codes >= 0).mean() > 0.3


@pytest.mark.parametrize(
    "root", ["", "{", "[]", '{"attributes": {}}', '{"attributes": {"multiscales": {"layout": []}}}']
)
def test_a_root_that_is_none_is_said(broken, root):
    folder, look = broken
    (folder / "zarr.json").write_text(root)
    assert "zarr.json does not describe a mosaic" in notice_of(look())


def test_a_mosaic_that_was_removed_is_said(broken):
    folder, look = broken
    (folder / "zarr.json").unlink()
    one = look()
    assert "is not there" in notice_of(one)
    one.expected("404")


def test_a_mosaic_that_is_not_complete_says_so(broken):
    folder, look = broken
    root = json.loads((folder / "zarr.json").read_text())
    root["attributes"]["complete"] = False
    (folder / "zarr.json").write_text(json.dumps(root))
    assert "it is being written" in look().page.inner_text("#mosaic-facts")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no table at all" * 100])
def test_a_catalogue_that_is_none_is_said(visit, tmp_path, data):
    (tmp_path / "catalogue.parquet").write_bytes(data)
    with serving(
        FileServer({"page": PAGE, "output": tmp_path}, {"/page/config.json": config_of()})
    ) as server:
        assert "catalogue.parquet" in notice_of(visit(f"{server.address}/page/index.html"))


def test_every_kind_of_grid_is_in_the_world(visit, address):
    one = visit(address)
    settle(one)
    assert one.page.inner_text("#count") == f"{len(GRIDS)} mosaics"
