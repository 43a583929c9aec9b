"""Generations of former versions are read, turned to, and brought to today's form without their mosaics."""

from __future__ import annotations

import pytest

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.io.catalogue.files import Encoded, decode, encode
from sgddiff_batch.io.catalogue.generations import publish, read_catalogue, read_pointer, rollback
from sgddiff_batch.io.catalogue.mosaics import list_mosaics
from sgddiff_batch.io.catalogue.rows import table_of
from sgddiff_batch.io.catalogue.schema import LEAN
from sgddiff_batch.io.catalogue.update import COMPARED, PublishContext
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.storage.store import open_store
from tests.io.catalogue.former_examples import former_file, former_rows, put_former
from tests.io.catalogue.test_rows import row_of
from tests.io.catalogue_examples import dying_store, finish, publish_all
from tests.io.mosaic_examples import GRIDS

TIMES = (None, TimeSpan(1.5, 1.5), TimeSpan(0.0, 60.0))
ROWS = [
    row_of(grid, time=time) | {"id": f"{name} {time}", "archive": "/north"}
    for name, grid in GRIDS.items()
    for time in TIMES
]


def decoded(data, columns=None):
    return decode(data, "it", bytes_digest(data), columns)


def written(table):
    return decoded(encode(table, "s3://out"))


def test_a_former_file_becomes_what_this_version_would_have_written():
    table = table_of(ROWS)
    data = former_file(written(table), "s3://out")
    assert decoded(data, LEAN.names).equals(table)


def test_a_former_file_read_as_it_is_keeps_what_it_said():
    table = table_of(ROWS)
    found = decoded(former_file(written(table), "s3://out"), ["id", "assets", "collection"])
    hrefs = [row["assets"]["saliency"]["href"] for row in found.to_pylist()]
    assert hrefs == [row["assets"]["saliency"]["href"] for row in former_rows(written(table), "s3://out")]
    assert found["collection"].null_count == len(ROWS)


@pytest.mark.parametrize("columns", [["id"], list(COMPARED), ["sgddiff:time_known"], ["end_datetime"]])
def test_some_columns_of_a_former_file_are_those_of_all(columns):
    data = former_file(written(table_of(ROWS)), "s3://out")
    found = decoded(data, columns)
    assert found.equals(decoded(data).select(columns))
    assert next(Encoded(data).parts(columns)).equals(found)


@pytest.fixture
def store(tmp_path):
    """An output whose only generation is of the former form."""
    store = open_store(str(tmp_path))
    for name in ("a.tif", "b.tif"):
        finish(store, name)
    publish_all(store)
    table = read_catalogue(store)
    store.delete("_catalogue/current.json")
    store.delete("collection.json")
    put_former(store, table)
    return store


def test_a_night_without_change_brings_it_to_today_s_form_and_opens_no_mosaic(store):
    counting = dying_store(store.root)
    assert publish_all(counting).number == 2
    assert not [key for key in counting.reads if key.endswith("zarr.json")]
    assert read_catalogue(store)["collection"].to_pylist() == ["saliency", "saliency"]
    assert publish_all(store) is None


def test_it_is_turned_back_to_and_stays_until_something_new_is_finished(store):
    publish_all(store)
    former = rollback(store, 1).generation
    assert store.read("catalogue.parquet") == store.read(f"_catalogue/{former.file}")
    assert store.stat("collection.json").size_bytes > 0
    assert [entry.scene_id for entry in list_mosaics(store.uri)] == ["a.tif", "b.tif"]
    assert publish_all(store) is None
    assert publish_all(store, PublishContext("run", stac=True)) is None
    assert read_pointer(store).current == 1


def test_turned_back_beside_a_newest_of_the_former_form_nothing_is_published_for_its_form(store):
    put_former(store, read_catalogue(store), "later")
    rollback(store, 1)
    assert publish_all(store) is None
    assert read_pointer(store).current == 1


def test_only_what_is_new_beside_former_rows_is_opened(store):
    finish(store, "c.tif")
    counting = dying_store(store.root)
    ledger = ObjectLedger(counting)
    publish(counting, ledger.records(), set(), PublishContext("run", stac=True))
    opened = [key for key in counting.reads if key.endswith("zarr.json")]
    assert [key.partition("/")[0] for key in opened] == ["c.tif"]
    assert read_catalogue(store)["sgddiff:item"].null_count == 0
