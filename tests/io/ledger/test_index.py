"""The index of small objects: it saves requests, and nothing that it says is believed over an object."""

import json
import time

import pyarrow as pa
import pytest

from sgddiff_batch.errors import ConfigError, FatalError, RetryableError
from sgddiff_batch.io.ledger import index as object_index
from sgddiff_batch.io.ledger.index import WORTH, read_indexed
from sgddiff_batch.io.ledger.marks import ObjectLedger
from sgddiff_batch.io.ledger.mending import mended_records
from sgddiff_batch.io.storage.store import Store, open_store
from sgddiff_batch.protocols import SceneRecord
from tests.kit.counting import counted_s3_requests, counted_store_calls
from tests.kit.faulty import StoreFault, faulty

COUNT = 2 * WORTH
LATER_S = 3600.0


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "out"))
    for number in range(COUNT):
        store.write(f"things/{number:04d}", str(number).encode())
    return store


def read(store, *, write=True, after_s=LATER_S):
    """Read as a run does that comes long after the objects were written; return contents and reads."""
    with counted_store_calls() as counts:
        found = read_indexed(store, "things", "index/things", write=write, now_s=time.time() + after_s)
    reads = sum(count for (kind, folder), count in counts.by_kind.items() if kind == "read")
    return {key: int(data) for key, data in found.items()}, reads


def truth(store):
    return {key: int(data) for key, data in store.read_all("things").items()}


def test_objects_are_read_once_and_by_the_index_from_then_on(store):
    assert read(store) == (truth(store), COUNT + 1)
    assert read(store) == (truth(store), 1)


def test_who_may_not_write_reads_and_leaves_no_index(store):
    assert read(store, write=False) == (truth(store), COUNT + 1)
    assert not store.keys("index")


def test_objects_that_changed_came_or_went_are_read_by_themselves(store):
    read(store)
    store.write("things/0007", b"9007")  # as long as before, for some
    store.write("things/0015", b"999")
    store.write("things/new", b"1")
    store.delete("things/0003")
    found, reads = read(store)
    assert found == truth(store)
    assert (found["things/0015"], found["things/new"], reads) == (999, 1, 1 + 3)


def test_an_object_put_back_with_its_old_times_is_read_again(store, tmp_path):
    import os
    import shutil

    read(store)
    path = tmp_path / "out/things/0015"
    status = path.stat()
    shutil.copy2(path, tmp_path / "copy")
    (tmp_path / "copy").write_text("999")
    os.utime(tmp_path / "copy", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "copy").replace(path)
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert read(store)[0]["things/0015"] == 999


def test_what_was_written_just_now_is_not_indexed(store):
    assert read(store, after_s=0.0)[0] == truth(store)
    assert read(store)[1] == COUNT + 1


class BareStore(Store):
    """Lists no versions, as some stores do."""

    def listed_columns(self, prefix=""):
        table = super().listed_columns(prefix)
        return table.set_column(1, "version", pa.nulls(table.num_rows, pa.string()))


def test_versions_that_a_store_does_not_give_are_never_indexed(store):
    assert read(BareStore(store.root, store.backend)) == (truth(store), COUNT + 1)
    assert read(store) == (truth(store), COUNT + 1)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:70],
        lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
        lambda data: object_index.encode({})[:64] + data[64:],
        lambda data: b"x" * 10_000,
    ],
    ids=["empty", "short", "only a digest", "a bit flipped", "another digest", "noise"],
)
def test_a_damaged_index_costs_reads_is_told_and_is_made_anew(store, damage, caplog):
    read(store)
    store.write("index/things", damage(store.read("index/things")))
    assert read(store) == (truth(store), COUNT + 1)
    assert "index/things is damaged" in caplog.text
    assert read(store) == (truth(store), 1)


def test_an_index_of_other_columns_is_damaged(store):
    import hashlib
    import io

    import pyarrow.parquet as pq

    read(store)
    sink = io.BytesIO()
    pq.write_table(pa.table({"key": ["things/0001"], "version": [1], "data": ["7"]}), sink)
    body = sink.getvalue()
    store.write("index/things", hashlib.sha256(body).hexdigest().encode() + body)
    assert read(store) == (truth(store), COUNT + 1)


def test_an_index_is_written_anew_only_once_it_would_have_saved_much(store):
    read(store)
    before = store.read("index/things")
    for number in range(WORTH - 1):
        store.write(f"things/{number:04d}", b"1000")
    assert read(store)[1] == WORTH
    assert store.read("index/things") == before
    store.write("things/0199", b"5")
    read(store)
    assert read(store)[1] == 1


def test_few_objects_have_no_index(tmp_path):
    store = open_store(str(tmp_path))
    for number in range(WORTH - 1):
        store.write(f"things/{number}", b"1")
    read(store)
    assert read(store)[1] == WORTH - 1
    assert not store.keys("index")


def test_a_write_of_the_index_that_fails_is_told_and_leaves_the_one_of_before(store, caplog):
    read(store)
    for number in range(WORTH):
        store.write(f"things/{number:04d}", b"1000")
    assert read(faulty(store, StoreFault("write", "index/*"))) == (truth(store), 1 + WORTH)
    assert "index/things cannot be written" in caplog.text
    assert read(store, write=False) == (truth(store), 1 + WORTH)


@pytest.mark.parametrize("error", [ConfigError("denied"), RetryableError("503"), OSError("stale handle")])
def test_an_index_that_cannot_be_read_costs_reads_and_is_told(store, caplog, error):
    read(store)
    found, reads = read(faulty(store, StoreFault("read", "index/*", None, error)), write=False)
    assert (found, reads) == (truth(store), COUNT)
    assert f"index/things cannot be read ({error})" in caplog.text


def test_a_lease_that_was_lost_is_found_at_the_write_of_an_index(store):
    lost = StoreFault("write", "index/*", error=FatalError("the lease was lost"))
    with pytest.raises(FatalError, match="lease was lost"):
        read(faulty(store, lost))


def write_records(store, count):
    for number in range(count):
        record = SceneRecord(f"s{number:04d}.tif", "v1", "key", f"s{number:04d}.tif/v1-key.zarr")
        ObjectLedger(store).finish(record)


def test_a_night_over_many_records_on_s3_lists_and_reads_one_object(s3_server, monkeypatch):
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3_server.filesystem.mkdir("indexed")
    store = open_store("s3://indexed/out")
    for number in range(WORTH):
        row = {"scene_id": f"s{number}.tif", "version": "v", "run_key": "k", "finished_at": "", "store": None}
        store.write(f"_ledger/scenes/s{number}.tif~.json", json.dumps(row).encode())
    monkeypatch.setattr(object_index, "_SETTLED_S", -LATER_S)
    ledger = ObjectLedger(store)
    with counted_s3_requests() as first:
        wanted = mended_records(ledger, write=True)
    assert len(wanted) == WORTH
    assert {kind for kind, _ in first.by_kind} == {"ListObjectsV2", "GetObject", "PutObject"}, first.table()
    with counted_s3_requests() as second:
        assert mended_records(ledger, write=True) == wanted
    assert second.by_kind == {("ListObjectsV2", "_ledger/scenes"): 1, ("GetObject", "_ledger/index"): 1}
    changed = SceneRecord("s7.tif", "w", "k", None, "it is torn")
    ledger.finish(changed)
    with counted_s3_requests() as third:
        assert mended_records(ledger, write=True) == {**wanted, "s7.tif": changed}
    assert third.total == 3, third.table()


def test_a_record_that_was_damaged_since_the_index_was_made_is_mended_and_not_taken_from_it(
    tmp_path, monkeypatch
):
    store = open_store(str(tmp_path))
    write_records(store, WORTH)
    monkeypatch.setattr(object_index, "_SETTLED_S", -LATER_S)
    ledger = ObjectLedger(store)
    assert len(mended_records(ledger, write=True)) == WORTH
    store.write("_ledger/scenes/s0003.tif~.json", b"{")
    store.delete("_ledger/mosaics/s0003.tif/v1-key.zarr~.json")
    assert sorted(set(range(WORTH)) - {int(name[1:5]) for name in mended_records(ledger, write=True)}) == [3]


def test_names_with_brackets_and_stars_are_read_as_they_are(tmp_path):
    store = open_store(str(tmp_path))
    for name in ("a[1].tif", "a1.tif", "a*.tif", "a?.tif"):
        store.write(f"things/{name}", name.encode())
    assert store.read_all("things") == {
        f"things/{name}": name.encode() for name in ("a[1].tif", "a1.tif", "a*.tif", "a?.tif")
    }
