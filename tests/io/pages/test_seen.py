"""Of the catalogue a page takes where mosaics lie and how salient they are; a broken one is no mosaic."""

from __future__ import annotations

import numpy as np

from sgddiff_batch.core.grid import Grid, Transform
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.io.catalogue import PublishContext
from sgddiff_batch.io.pages.seen import placed, read_seen
from sgddiff_batch.io.storage import open_store
from tests.io.catalogue_examples import finish, publish_all


def test_places_and_shares_are_those_of_the_catalogue(tmp_path):
    store = open_store(str(tmp_path))
    finish(store, "a.tif")
    finish(store, "b.tif", grid=Grid(300, 200, Transform(1, 0, 0, 0, -1, 0)))
    publish_all(store)
    seen = read_seen(store)
    assert [*seen.ids] == ["a.tif", "b.tif"]
    assert np.isfinite(seen.boxes).all(axis=1).tolist() == [True, False]
    assert seen.boxes[0, 0] < seen.boxes[0, 2]
    assert seen.typical_share == float(np.nanmedian(seen.shares))
    section = placed(seen, {"a.tif"})
    assert section["map"].count('class="new"') == 1
    assert section["map_words"].startswith("1 mosaic has a place on the globe, and 1 without")


def test_without_a_catalogue_or_with_a_broken_one_there_is_no_map(tmp_path, caplog):
    store = open_store(str(tmp_path))
    assert read_seen(store) is None
    store.write("_catalogue/current.json", b"{")
    assert read_seen(store) is None
    assert "could not be read" in caplog.text
    assert placed(None, None)["map"] == ""


def test_of_mosaics_of_a_run_their_paths_are_told_and_when_the_first_was_taken(tmp_path):
    store = open_store(str(tmp_path))
    paths = {name: finish(store, name).store for name in ("a.tif", "b.tif", "c.tif")}
    times = {"a.tif": parse_span("2026-01-05"), "b.tif": parse_span("2026-01-03")}
    publish_all(store, PublishContext("run", times=times))
    seen = read_seen(store)
    made, since = seen.made({"a.tif", "c.tif", "gone.tif"})
    assert (made, str(since)[:10]) == ({paths["a.tif"], paths["c.tif"]}, "2026-01-05")
    assert seen.made({"c.tif"})[1] is None
    assert seen.made(None) == (frozenset(), None)
    assert seen.objects is None
