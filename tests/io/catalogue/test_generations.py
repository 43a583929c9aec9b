"""The archive catalogue: readers see one generation or another, whole, whatever happens to the writers."""

import io
import json
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.errors import FatalError
from sgddiff_batch.io.catalogue import generations as archive_catalogue
from sgddiff_batch.io.catalogue.collection import LINK
from sgddiff_batch.io.catalogue.generations import POINTER, publish, read_catalogue, read_pointer
from sgddiff_batch.io.catalogue.mosaics import list_mosaics
from sgddiff_batch.io.catalogue.schema import SCHEMA
from sgddiff_batch.io.catalogue.update import PublishContext
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import Store, open_store
from sgddiff_batch.io.upkeep import find_garbage
from tests.io.catalogue_examples import (
    GRID,
    deaths,
    dying_store,
    finish,
    publish_all,
    put_mosaic,
    record_of,
    store_of,
)
from tests.io.mosaic_examples import GRIDS, Killed
from tests.kit.faulty import StoreFault, faulty
from tests.kit.s3 import new_bucket
from tests.kit.stac_schemas import check


@pytest.fixture(params=["local", "s3"])
def uri(request, tmp_path, monkeypatch):
    """An output on a disk, and one on the loopback S3 server."""
    if request.param == "local":
        yield str(tmp_path / "out")
        return
    with new_bucket(request.getfixturevalue("s3_server"), "catalogue-bucket", monkeypatch):
        yield "s3://catalogue-bucket/out"


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "out"))


def ids(store, generation=None):
    return [entry.scene_id for entry in list_mosaics(store.uri, generation=generation)]


def linked(store):
    return pq.read_table(io.BytesIO(store.read(LINK)))


def test_what_is_published_is_listed_and_turned_back_and_forward(uri):
    store = open_store(uri)
    finish(store, "b.tif")
    finish(store, "north/a.tif")
    before = list_mosaics(uri)
    first = publish_all(store)
    assert (first.number, first.rows, first.previous) == (1, 2, None)
    entries = list_mosaics(uri)
    assert [replace(e, scene_uri=None, model_digest=None, box=None) for e in entries] == before
    assert [(e.model_digest, e.scene_uri) for e in entries] == [("d" * 64, "s3://archive/a.tif")] * 2
    assert entries[0].box == pytest.approx((15.0, 45.1448, 15.02545, 45.15384), abs=1e-3)
    finish(store, "c.tif")
    assert ids(store) == ["b.tif", "north/a.tif"], "an unpublished mosaic is shown"
    assert publish_all(store).previous == 1
    assert ids(store) == linked(store)["id"].to_pylist() == ["b.tif", "c.tif", "north/a.tif"]
    assert archive_catalogue.rollback(store).current == 1
    assert ids(store) == linked(store)["id"].to_pylist() == ["b.tif", "north/a.tif"]
    assert ids(store, generation=2) == ["b.tif", "c.tif", "north/a.tif"]
    assert archive_catalogue.rollback(store, 2).current == 2
    assert len(ids(store)) == len(linked(store)) == 3


def test_a_run_keeps_the_last_of_its_generations_and_its_earlier_files_are_left_to_gc(uri):
    store, night = open_store(uri), PublishContext("long")
    finish(store, "a.tif")
    publish_all(store)
    for name in ("b.tif", "c.tif"):
        finish(store, name)
        earlier = read_pointer(store).newest
        publish_all(store, night, is_over=name == "c.tif")
        assert ids(store)[-1] == linked(store)["id"].to_pylist()[-1] == name
    assert [one.number for one in read_pointer(store).kept] == [1, 3]
    table = archive_catalogue.read_generation(store, earlier)
    assert table["id"].to_pylist() == ["a.tif", "b.tif"], "somebody may read it still"
    assert [item.path for item in find_garbage(store, 0.0).garbage] == [f"_catalogue/{earlier.file}"]
    assert archive_catalogue.rollback(store).current == 1


def test_a_run_that_goes_on_leaves_readers_where_a_rollback_put_them_until_its_end(store, caplog):
    caplog.set_level("INFO")
    finish(store, "a.tif")
    publish_all(store)
    finish(store, "b.tif")
    publish_all(store)
    archive_catalogue.rollback(store)
    finish(store, "c.tif")
    assert publish_all(store, PublishContext("long"), is_over=False) is None
    assert ids(store) == ["a.tif"]
    assert "was turned back to generation 1, and stays so for now" in caplog.text
    assert publish_all(store, PublishContext("long")).previous == 1
    assert ids(store) == ["a.tif", "b.tif", "c.tif"]


def test_a_run_that_changed_nothing_publishes_nothing_and_opens_no_mosaic(tmp_path):
    finish(open_store(str(tmp_path)), "a.tif")
    assert publish_all(dying_store(tmp_path)) is not None
    store = dying_store(tmp_path)
    assert publish_all(store) is None
    assert store.changes == []
    assert not [key for key in store.reads if key.endswith("zarr.json")]


def test_only_mosaics_that_are_new_are_opened(tmp_path):
    store = dying_store(tmp_path)
    for number in range(5):
        finish(store, f"{number}.tif")
    publish_all(store)
    finish(store, "3.tif", 2)
    finish(store, "new.tif")
    store.reads.clear()
    publish_all(store)
    opened = sorted(key for key in store.reads if key.endswith("zarr.json"))
    assert opened == [f"{store_of('3.tif', 2)}/zarr.json", f"{store_of('new.tif')}/zarr.json"]


def test_a_changed_scene_has_one_row_and_the_earlier_generation_keeps_the_old_one(store):
    finish(store, "a.tif", 1)
    publish_all(store)
    finish(store, "a.tif", 2)
    publish_all(store)
    assert [entry.uri for entry in list_mosaics(store.uri)] == [f"{store.uri}/{store_of('a.tif', 2)}"]
    older = list_mosaics(store.uri, generation=1)
    assert [entry.uri for entry in older] == [f"{store.uri}/{store_of('a.tif', 1)}"]


def test_a_mosaic_that_is_not_complete_or_gone_is_left_out_with_its_name(store, caplog):
    finish(store, "a.tif")
    finish(store, "half.tif")
    put_mosaic(store, store_of("half.tif"), complete=False)
    finish(store, "gone.tif")
    store.delete_tree("gone.tif")
    publish_all(store)
    assert ids(store) == ["a.tif"]
    assert "half.tif is left out of the catalogue" in caplog.text
    assert "gone.tif is left out of the catalogue" in caplog.text


def test_a_scene_in_quarantine_shows_its_earlier_mosaic_and_says_so(store):
    finish(store, "a.tif", 1)
    failed = replace(record_of("a.tif", 1), version="f" * 16, reason="torn; s3://me:pa55w0rd@host/x")
    ObjectLedger(store).finish(failed)
    ObjectLedger(store).finish(replace(failed, scene_id="never.tif", store=None))
    publish_all(store)
    (entry,) = list_mosaics(store.uri, state="quarantined")
    assert (entry.version, entry.state, entry.uri) == (
        record_of("a.tif").version, "quarantined", f"{store.uri}/{store_of('a.tif')}",
    )  # fmt: skip
    assert list_mosaics(store.uri, state="done") == []
    assert read_catalogue(store)["reason"].to_pylist() == ["torn; s3://host/x"]
    assert publish_all(store) is None
    with pytest.raises(ValueError, match="state must be"):
        list_mosaics(store.uri, state="finished")


def test_a_withdrawn_scene_leaves_and_is_back_at_once_when_it_returns(store):
    finish(store, "a.tif")
    finish(store, "b.tif")
    publish_all(store)
    ledger = ObjectLedger(store)
    ledger.withdraw("a.tif", "2026-01-01T00:00:00+00:00")
    publish_all(store)
    assert ids(store) == ["b.tif"]
    ledger.restore("a.tif")
    publish_all(store)
    assert ids(store) == ["a.tif", "b.tif"]


def test_killed_at_any_call_the_old_catalogue_or_the_new_one_is_there_and_the_next_run_mends_all(tmp_path):
    for die_at in deaths():
        root = tmp_path / str(die_at)
        plain = open_store(str(root))
        finish(plain, "a.tif", 1)
        publish_all(plain)
        finish(plain, "a.tif", 2)
        finish(plain, "b.tif", 2)
        old, new = [store_of("a.tif", 1)], [store_of("a.tif", 2), store_of("b.tif", 2)]
        try:
            publish_all(dying_store(root, die_at))
        except Killed:
            killed = True
        else:
            killed = False
        flipped = read_pointer(plain).current == 2
        seen = [entry.uri.removeprefix(f"{plain.uri}/") for entry in list_mosaics(plain.uri)]
        assert seen == (new if flipped else old)
        assert linked(plain)["store"].to_pylist() in (old, new)
        publish_all(plain)
        assert [entry.uri.removeprefix(f"{plain.uri}/") for entry in list_mosaics(plain.uri)] == new
        assert linked(plain)["store"].to_pylist() == new
        if not killed:
            assert die_at == 5, "file, pointer, copy, Collection, mark"
            return


def test_readers_who_poll_while_20_generations_are_published_never_see_a_mixture_or_an_error(store):
    names = [f"{number}.tif" for number in range(4)]
    for name in names:
        finish(store, name, 1)
    publish_all(store)
    seen, errors, stop = set(), [], threading.Event()

    def poll():
        while not stop.is_set():
            try:
                listed = list_mosaics(store.uri)
                copy = linked(store)
                assert [entry.scene_id for entry in listed] == copy["id"].to_pylist() == names
                for versions in ({entry.version for entry in listed}, set(copy["scene_version"].to_pylist())):
                    assert len(versions) == 1
                    seen.update(versions)
            except Exception as error:
                errors.append(error)
                return

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(2, 22):
        for name in names:
            finish(store, name, number)
        assert publish_all(store, keep=2).number == number
        for path in Path(store.path("_catalogue/generations")).iterdir():
            if f"generations/{path.name}" not in {one.file for one in read_pointer(store).kept}:
                path.unlink()  # as gc would
    stop.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert len(seen) > 1


def test_a_rollback_stays_until_something_new_is_finished(store, caplog):
    for number in (1, 2, 3):
        finish(store, "a.tif", number)
        publish_all(store)
    archive_catalogue.rollback(store)
    archive_catalogue.rollback(store)
    assert read_pointer(store).current == 1
    with pytest.raises(ValueError, match="is the oldest that is kept"):
        archive_catalogue.rollback(store)
    assert publish_all(store) is None
    assert read_pointer(store).current == 1
    finish(store, "b.tif")
    generation = publish_all(store)
    assert (generation.number, generation.previous) == (4, 1)
    assert "by a rollback" in caplog.text
    assert {entry.scene_id: entry.version[-1] for entry in list_mosaics(store.uri)} == {
        "a.tif": "3", "b.tif": "1",
    }  # fmt: skip


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_so_many_generations_are_kept(store, keep):
    for number in range(1, 6):
        finish(store, "a.tif", number)
        publish_all(store, keep=keep)
    assert [one.number for one in read_pointer(store).kept] == list(range(6 - keep, 6))


def test_a_generation_that_is_not_kept_is_refused_with_those_that_are(store):
    finish(store, "a.tif")
    with pytest.raises(ValueError, match="has no catalogue"):
        list_mosaics(store.uri, generation=1)
    with pytest.raises(ValueError, match="has no catalogue"):
        archive_catalogue.rollback(store)
    publish_all(store)
    with pytest.raises(ValueError, match="there is no generation 9; kept are 1"):
        list_mosaics(store.uri, generation=9)
    with pytest.raises(ValueError, match="there is no generation 9; kept are 1"):
        archive_catalogue.rollback(store, 9)


def test_of_two_that_publish_at_once_none_is_lost(store):
    finish(store, "a.tif")
    publish_all(store)
    finish(store, "b.tif")

    def publish_first():
        finish(store, "c.tif")
        assert publish_all(store, PublishContext("other")).number == 2

    slow = faulty(store, StoreFault("replace", POINTER, then=publish_first))
    records = ObjectLedger(store).records()
    publish(slow, records | {"c.tif": record_of("c.tif")}, set(), PublishContext("slow"))
    assert ids(store) == ["a.tif", "b.tif", "c.tif"]
    files = {key.removeprefix("_catalogue/") for key in store.keys("_catalogue/generations")}
    kept = {one.file for one in read_pointer(store).kept}
    # What could not be flipped to stays for gc: had only the reply been lost, it would be current.
    assert kept < files
    assert len(files) == len(kept) + 1


class UnheardStore(Store):
    """Creates the pointer, and says that another was quicker."""

    def create(self, key, data):
        assert super().create(key, data)
        return None if key == POINTER else "1"


def test_a_generation_whose_flip_seems_to_have_failed_is_not_removed(store):
    finish(store, "a.tif")
    assert publish_all(UnheardStore(store.root, store.backend)) is None
    assert ids(store) == ["a.tif"]


def test_a_lost_generation_is_built_anew_from_the_ledger(store, caplog):
    finish(store, "a.tif")
    first = publish_all(store)
    store.write(f"_catalogue/{first.file}", b"damaged")
    with pytest.raises(FatalError, match="is damaged"):
        list_mosaics(store.uri)
    assert publish_all(store).number == 2
    assert "built anew from the ledger" in caplog.text
    assert ids(store) == ["a.tif"]
    with pytest.raises(FatalError, match="is damaged"):
        archive_catalogue.rollback(store)
    assert ids(store) == ["a.tif"]
    store.delete(f"_catalogue/{read_pointer(store).generation.file}")
    with pytest.raises(FatalError, match="names a file that is not there"):
        list_mosaics(store.uri)
    assert publish_all(store).number == 3


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"generation": 1, "kept": []}', b"\xff", b"[" * 100_000]
)
def test_a_damaged_pointer_is_told_and_never_overwritten(store, data):
    finish(store, "a.tif")
    publish_all(store)
    store.write(POINTER, data)
    for call in (lambda: list_mosaics(store.uri), lambda: publish_all(store)):
        with pytest.raises(FatalError, match="remove it, and the next run publishes anew"):
            call()
    store.delete(POINTER)
    publish_all(store)
    assert ids(store) == ["a.tif"]


def test_an_output_without_mosaics_has_an_empty_catalogue_with_all_columns(store):
    assert publish_all(store).rows == 0
    assert list_mosaics(store.uri) == []
    assert linked(store).schema.names == SCHEMA.names
    assert publish_all(store) is None


def test_who_listed_a_scene_last_is_kept(store):
    finish(store, "a.tif")
    finish(store, "b.tif")
    publish_all(store, PublishContext("1", "s3://one", frozenset({"a.tif", "b.tif"})))
    publish_all(store, PublishContext("2", "s3://two", frozenset({"b.tif"})))
    assert read_catalogue(store)["archive"].to_pylist() == ["s3://one", "s3://two"]
    assert publish_all(store) is None


def test_the_time_of_a_scene_is_an_instant_a_span_or_the_mosaic_s_own(store):
    for name in ("instant.tif", "span.tif", "unknown.tif"):
        finish(store, name)
    times = {"instant.tif": TimeSpan(1.5, 1.5), "span.tif": TimeSpan(0.0, 60.0)}
    publish_all(store, PublishContext("run", times=times))
    rows = {row["id"]: row for row in read_catalogue(store).to_pylist()}
    shown = {
        name: [row[key] and row[key].isoformat() for key in ("datetime", "start_datetime", "end_datetime")]
        for name, row in rows.items()
    }
    created = "2026-01-01T00:00:01+00:00"
    assert shown == {
        "instant.tif": ["1970-01-01T00:00:01.500000+00:00"] * 3,
        "span.tif": [None, "1970-01-01T00:00:00+00:00", "1970-01-01T00:01:00+00:00"],
        "unknown.tif": [created] * 3,
    }
    assert publish_all(store, PublishContext("run", times=times)) is None
    assert publish_all(store, PublishContext("run", times={"unknown.tif": TimeSpan(3.0, 3.0)})).number == 2


def test_mosaics_are_taken_out_of_all_kept_generations_in_one_flip(tmp_path):
    for die_at in deaths():
        store = open_store(str(tmp_path / str(die_at)))
        for number in (1, 2, 3):
            finish(store, "a.tif", number)
            if number < 3:
                finish(store, "bad.tif", number)
            else:
                ObjectLedger(store).withdraw("bad.tif", "2026-01-01")
            publish_all(store)
        doomed = {store_of("bad.tif", 1), store_of("bad.tif", 2)}
        try:
            archive_catalogue.drop_mosaics(dying_store(store.root, die_at), doomed)
        except Killed:
            named = [len(ids(store, generation)) for generation in (1, 2, 3)]
            assert named in ([2, 2, 1], [1, 1, 1])
            continue
        assert [ids(store, generation) for generation in (1, 2, 3)] == [["a.tif"]] * 3
        archive_catalogue.rollback(store)
        assert ids(store) == linked(store)["id"].to_pylist() == ["a.tif"]
        return


def test_every_kind_of_grid_is_a_valid_stac_item(store):
    pystac = pytest.importorskip("pystac")
    arrow = pytest.importorskip("stac_geoparquet.arrow")
    for number, grid in enumerate(GRIDS.values()):
        finish(store, f"{number}.tif", grid=grid)
    publish_all(store)
    table = linked(store)
    # The library (0.8.3) cannot read an item without a box, which STAC allows.
    items = list(arrow.stac_table_to_items(table.filter(table["geometry"].is_valid())))
    grids = dict(enumerate(GRIDS.values()))
    assert {int(item["id"][:-4]) for item in items} == {n for n, grid in grids.items() if grid.crs_wkt}
    for item in items:
        grid = grids[int(item["id"][:-4])]
        check(item)
        parsed = pystac.Item.from_dict(item, preserve_dict=False)
        assert parsed.assets["saliency"].href == f"./{store_of(item['id'])}"
        assert parsed.get_single_link("derived_from").target == "s3://archive/a.tif"
        assert parsed.bbox is not None
        assert parsed.properties["proj:shape"] == [grid.height_px, grid.width_px]
        assert parsed.properties["state"] == "done"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_geopandas_reads_the_copy_with_its_geometry(store):
    geopandas = pytest.importorskip("geopandas")
    finish(store, "a.tif")
    finish(store, "none.tif", grid=Grid(5, 5))
    publish_all(store)
    frame = geopandas.read_parquet(f"{store.root}/{LINK}").set_index("id")
    assert frame.crs.to_authority() in (("OGC", "CRS84"), ("EPSG", "4326"))
    outline = frame.geometry["a.tif"]
    assert outline.is_valid
    assert outline.centroid.coords[0] == pytest.approx((15.0127, 45.1493), abs=1e-3)
    assert frame.geometry["none.tif"] is None
    area_km2 = GRID.height_px * GRID.width_px * 1e-4
    assert frame.salient_km2["a.tif"] == pytest.approx(area_km2 * 100 / 20000, rel=2e-3)


def test_duckdb_reads_the_copy(store):
    duckdb = pytest.importorskip("duckdb")
    finish(store, "a.tif")
    finish(store, "b.tif", salient_px=7000)
    publish_all(store)
    with duckdb.connect() as connection:
        query = (
            f"SELECT id, salient_px, assets.saliency.href FROM '{store.root}/{LINK}' WHERE salient_share > .5"
        )
        assert connection.sql(query).fetchall() == [("b.tif", 7000, f"./{store_of('b.tif')}")]


def test_duckdb_finds_those_in_a_box_in_an_order(store):
    duckdb = pytest.importorskip("duckdb")
    finish(store, "a.tif", salient_px=10)
    finish(store, "b.tif", salient_px=7000)
    publish_all(store)
    with duckdb.connect() as connection:  # 2.0.0 takes no dictionary for a box
        query = (
            f"SELECT id FROM '{store.root}/{LINK}' WHERE bbox.xmin < 16 AND bbox.xmax > 14 "
            "ORDER BY salient_km2 DESC LIMIT 1"
        )
        assert connection.sql(query).fetchall() == [("b.tif",)]


def test_no_secret_of_a_scene_s_uri_is_published(store):
    record = finish(store, "a.tif")
    put_mosaic(store, record.store, source="s3://me:pa55w0rd@host/a.tif")
    publish_all(store)
    table = read_catalogue(store)
    assert "pa55w0rd" not in json.dumps(table.to_pylist(), default=str)
    assert table["scene_uri"].to_pylist() == ["s3://host/a.tif"]
