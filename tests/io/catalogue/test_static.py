"""Static STAC is there, whole and valid, before a generation that names it, and is written once."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from urllib.parse import quote, unquote, urljoin

import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue import static
from sgddiff_batch.io.catalogue.generations import (
    drop_mosaics,
    publish,
    read_catalogue,
    read_pointer,
    rollback,
)
from sgddiff_batch.io.catalogue.items import ITEMS
from sgddiff_batch.io.catalogue.static import PAGES, with_items, write_pages
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.garbage import find_garbage, remove_garbage
from tests.io.catalogue_examples import deaths, dying_store, finish, publish_all, record_of, store_of
from tests.io.mosaic_examples import GRIDS, Killed
from tests.kit.s3 import new_bucket
from tests.kit.stac_schemas import check

NIGHTS = iter(range(10_000))
ROOT = "https://host/out/"


def publish_static(store, *, stac=True, times=None):
    return publish_all(store, PublishContext(f"static-{next(NIGHTS)}", times=times or {}, stac=stac))


def led(store):
    """Follow the Collection to all its Items, each document valid and there; return them by id."""
    items = {}
    collection = json.loads(store.read("collection.json"))
    check(collection)
    for page_key, page in _followed(store, "collection.json", collection, "child"):
        check(page)
        for item_key, item in _followed(store, page_key, page, "item"):
            check(item)
            (asset,) = _keys(item_key, [item["assets"]["saliency"]])
            assert json.loads(store.read(f"{asset}/zarr.json"))["attributes"]["complete"]
            assert item["id"] not in items
            items[item["id"]] = asset
    return items


def _followed(store, here, document, relation):
    links = [link for link in document["links"] if link["rel"] == relation]
    return [(key, json.loads(store.read(key))) for key in _keys(here, links)]


def _keys(here, links):
    at = ROOT + quote(here)
    return [unquote(urljoin(at, link["href"])).removeprefix(ROOT) for link in links]


@pytest.fixture(params=["local", "s3"])
def output(request, tmp_path, monkeypatch):
    """An output whose names are no URI references, on a disk and on the loopback S3 server."""
    if request.param == "local":
        yield open_store(str(tmp_path / "ou t" / "süd"))
        return
    with new_bucket(request.getfixturevalue("s3_server"), "static-bucket", monkeypatch):
        yield open_store("s3://static-bucket/ou t/süd")


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "out"))


ODD = ("a b.tif", "nörd/50%25?#1.tif", "C:x&y.tif", "中/文.tif")


def test_the_collection_leads_to_valid_items_of_all_mosaics_whatever_their_names(output):
    for name in ODD:
        finish(output, name)
    finish(output, "nowhere.tif", grid=Grid(5, 5))
    finish(output, "dateline.tif", grid=GRIDS["dateline"])
    publish_static(output, times={"a b.tif": TimeSpan(0.0, 60.0)})
    assert led(output) == {name: store_of(name) for name in (*ODD, "nowhere.tif", "dateline.tif")}
    table = pq.read_table(io.BytesIO(output.read("catalogue.parquet")))
    for row in table.to_pylist():
        assert _keys("catalogue.parquet", [row["assets"]["saliency"]]) == [row["store"]]
    assert [item.kind for item in find_garbage(output, 0.0).garbage] == []


def test_pystac_walks_from_the_collection_to_all_mosaics(store):
    pystac = pytest.importorskip("pystac")
    for name in ("a.tif", "north/b.tif"):
        finish(store, name)
    publish_static(store)
    items = pystac.Collection.from_file(f"{store.root}/collection.json").get_items(recursive=True)
    hrefs = {item.id: item.assets["saliency"].get_absolute_href() for item in items}
    assert hrefs == {name: f"{store.root}/{store_of(name)}" for name in ("a.tif", "north/b.tif")}


def test_rows_as_stac_geoparquet_gives_them_back_are_valid_items(store):
    arrow = pytest.importorskip("stac_geoparquet.arrow")
    for name in ("instant.tif", "span.tif", "unknown.tif", *ODD):
        finish(store, name)
    torn = replace(record_of("unknown.tif", 2), store=store_of("unknown.tif"), reason="it is torn")
    ObjectLedger(store).finish(torn)
    times = {"instant.tif": TimeSpan(1.5, 1.5), "span.tif": TimeSpan(0.0, 60.0)}
    publish_static(store, times=times)
    items = list(arrow.stac_table_to_items(pq.read_table(io.BytesIO(store.read("catalogue.parquet")))))
    assert len(items) == 3 + len(ODD)
    for item in items:
        check(item)
        static_item = json.loads(store.read(item["properties"]["sgddiff:item"]))
        assert static_item["properties"].items() <= _known(item["properties"]).items()


def _known(properties):
    """Return properties with times as the Items write them: stac_geoparquet writes six digits of a second."""
    return {
        name: value.replace(".000000Z", "Z") if isinstance(value, str) else value
        for name, value in properties.items()
    }


def test_without_stac_there_is_a_collection_and_no_request_a_scene(tmp_path):
    store = dying_store(tmp_path)
    for number in range(5):
        finish(store, f"{number}.tif")
    store.changes.clear()
    publish_static(store, stac=False)
    written = [change.partition(" ")[2] for change in store.changes]
    assert [key for key in written if not key.startswith("_catalogue")] == [
        "catalogue.parquet",
        "collection.json",
    ]
    assert len(written) == 5
    assert led(store) == {}


def test_only_items_that_are_new_are_written_and_no_mosaic_is_opened_for_them(tmp_path):
    store = dying_store(tmp_path)
    for number in range(5):
        finish(store, f"{number}.tif")
    publish_static(store, stac=False)
    store.reads.clear()
    store.changes.clear()
    publish_static(store)
    assert sum(ITEMS in change for change in store.changes) == 5
    assert not [key for key in store.reads if key.endswith("zarr.json")]
    finish(store, "3.tif", 2)
    finish(store, "new.tif")
    store.changes.clear()
    publish_static(store)
    assert sum(ITEMS in change for change in store.changes) == 2
    assert publish_static(store) is None
    assert len(led(store)) == 6


def test_at_most_64_items_are_written_at_once(store, monkeypatch):
    sizes = []
    pool = static.ThreadPoolExecutor
    monkeypatch.setattr(
        static, "ThreadPoolExecutor", lambda size, **more: sizes.append(size) or pool(size, **more)
    )
    finish(store, "a.tif")
    publish_static(store)
    assert sizes == [64, 64]


def test_a_rollback_turns_the_collection_back_and_what_it_leads_to_is_there(store):
    finish(store, "a.tif")
    publish_static(store)
    before = store.read("collection.json")
    finish(store, "a.tif", 2)
    finish(store, "b.tif")
    publish_static(store)
    assert led(store) == {"a.tif": store_of("a.tif", 2), "b.tif": store_of("b.tif")}
    rollback(store)
    assert store.read("collection.json") == before
    assert led(store) == {"a.tif": store_of("a.tif")}
    assert find_garbage(store, 0.0).garbage == ()
    rollback(store, 2)
    assert len(led(store)) == 2


def test_what_no_kept_generation_names_is_garbage_and_nothing_else(store):
    for number in (1, 2, 3):
        finish(store, "a.tif", number)
        publish_all(store, PublishContext(f"run-{number}", stac=True), keep=2)
    found = find_garbage(store, 0.0).garbage
    static_paths = [item.path for item in found if item.kind == "static"]
    assert len(static_paths) == 2, "an Item and a page of the first generation"
    assert any(path.startswith(f"{ITEMS}/{store_of('a.tif')[:-5]}.") for path in static_paths)
    assert [item for item in find_garbage(store, 1e9).garbage if item.kind == "static"] == []
    list(remove_garbage(store, found))
    assert led(store) == {"a.tif": store_of("a.tif", 3)}
    rollback(store)
    assert led(store) == {"a.tif": store_of("a.tif", 2)}
    assert find_garbage(store, 0.0).garbage == ()


def test_mosaics_that_are_taken_out_of_all_generations_are_led_to_by_none(store):
    for name in ("a.tif", "b.tif"):
        finish(store, name)
    publish_static(store)
    drop_mosaics(store, {store_of("a.tif")})
    assert led(store) == {"b.tif": store_of("b.tif")}
    kinds = [item.path for item in find_garbage(store, 0.0).garbage if item.kind == "static"]
    assert sorted(path.split("/")[1] for path in kinds) == ["items", "pages"]


def test_gc_of_a_withdrawn_scene_killed_at_any_call_leaves_nothing_that_is_led_to_astray(tmp_path):
    for die_at in deaths():
        store = open_store(str(tmp_path / str(die_at)))
        for name in ("a.tif", "b.tif"):
            finish(store, name)
        publish_static(store)
        ObjectLedger(store).withdraw("a.tif", "2020-01-01T00:00:00+00:00")
        killed = False
        try:
            list(remove_garbage(dying_store(store.root, die_at), find_garbage(store, 0.0).garbage))
        except Killed:
            killed = True
        assert led(store).keys() in ({"a.tif", "b.tif"}, {"b.tif"})
        list(remove_garbage(store, find_garbage(store, 0.0).garbage))
        assert led(store) == {"b.tif": store_of("b.tif")}
        assert len(store.keys("_stac")) == 2
        assert find_garbage(store, 0.0).garbage == ()
        if not killed:
            assert die_at > 8
            return


def test_turned_off_the_items_leave_the_collection_and_become_garbage(store):
    finish(store, "a.tif")
    publish_all(store, PublishContext("on", stac=True), keep=1)
    assert publish_all(store, PublishContext("off"), keep=1).number == 2
    assert led(store) == {}
    assert [item.kind for item in find_garbage(store, 0.0).garbage] == ["generation", "static", "static"]


def test_a_time_that_becomes_known_and_a_quarantine_make_items_beside_those_of_before(store):
    finish(store, "a.tif")
    publish_static(store)
    first = {key: store.read(key) for key in store.keys(ITEMS)}
    publish_static(store, times={"a.tif": TimeSpan(0.0, 0.0)})
    ObjectLedger(store).finish(replace(record_of("a.tif", 2), store=store_of("a.tif"), reason="it is torn"))
    publish_static(store)
    assert led(store) == {"a.tif": store_of("a.tif")}
    assert len(store.keys(ITEMS)) == 3
    assert {key: store.read(key) for key in first} == first


def test_killed_at_any_call_readers_are_led_to_all_of_the_old_or_all_of_the_new(tmp_path):
    for die_at in deaths():
        root = tmp_path / str(die_at)
        plain = open_store(str(root))
        finish(plain, "a.tif", 1)
        publish_static(plain)
        finish(plain, "a.tif", 2)
        finish(plain, "b.tif", 2)
        old, new = {"a.tif": store_of("a.tif", 1)}, {n: store_of(n, 2) for n in ("a.tif", "b.tif")}
        try:
            publish_static(dying_store(root, die_at))
        except Killed:
            killed = True
        else:
            killed = False
        assert led(plain) in (old, new)
        publish_static(plain)
        assert led(plain) == new
        rollback(plain)
        assert led(plain) == old
        rollback(plain, read_pointer(plain).newest.number)
        list(remove_garbage(plain, find_garbage(plain, 0.0).garbage))
        assert led(plain) == new
        if not killed:
            assert die_at == 8, "two Items, page, file, pointer, copy, Collection, mark"
            return


def test_one_more_scene_changes_one_page(store, monkeypatch):
    monkeypatch.setattr(static, "_ON_A_PAGE", 8)
    for number in range(60):
        finish(store, f"{number:03d}.tif")
    publish_static(store)
    table = read_catalogue(store)
    before = write_pages(store, table)
    assert len(before) > 3
    assert len(led(store)) == 60
    for row in (0, 30, 59):
        after = write_pages(store, table.slice(0, row) if row == 59 else _without(table, row))
        assert len(set(after) - set(before)) <= 1


def _without(table, row):
    return table.take([each for each in range(table.num_rows) if each != row])


def test_rows_that_have_their_items_are_given_back_as_they_are(store):
    finish(store, "a.tif")
    publish_static(store)
    table = read_catalogue(store)
    assert with_items(store, table, wanted=True) is table
    assert with_items(store, table, wanted=False)["sgddiff:item"].null_count == 1
    assert write_pages(store, table) == [f"{PAGES}/{key.rpartition('/')[2]}" for key in store.keys(PAGES)]


def test_publishing_by_two_at_once_leads_to_all(store):
    finish(store, "a.tif")
    records = ObjectLedger(store).records()
    for run in ("one", "two"):
        publish(store, records, set(), PublishContext(run, stac=True))
    assert led(store) == {"a.tif": store_of("a.tif")}
