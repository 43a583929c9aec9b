from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.viewer import served
from sgddiff_batch.viewer.addresses import NotServedError
from sgddiff_batch.viewer.ranges import Span
from sgddiff_batch.viewer.served import Looks, ServedBytes, type_of


def look_at(store, key):
    return Looks().at(store, key)


def read(one, start=0, stop=None):
    return b"".join(one.parts(Span(start, one.size_bytes if stop is None else stop)))


def test_an_object_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(served, "PART_BYTES", 7)
    store = open_store(str(tmp_path))
    store.write("x.bin", bytes(range(100)))
    one = look_at(store, "x.bin")
    assert [len(part) for part in one.parts(Span(10, 30))] == [7, 7, 6]
    assert read(one) == bytes(range(100))
    assert read(one, 95) == bytes(range(95, 100))
    assert list(one.parts(Span(0, 0))) == []


def test_another_version_in_between_is_an_error_and_no_mixture(tmp_path, monkeypatch):
    monkeypatch.setattr(served, "PART_BYTES", 4)
    store = open_store(str(tmp_path))
    store.write("catalogue.parquet", b"old old old!")
    parts = look_at(store, "catalogue.parquet").parts(Span(0, 12))
    assert next(parts) == b"old "
    store.write("catalogue.parquet", b"new new new!")
    with pytest.raises(RetryableError, match="changed while it was read"):
        list(parts)


def test_what_became_shorter_is_an_error(tmp_path):
    store = open_store(str(tmp_path))
    store.write("a/b.zarr/x", b"0123456789")
    one = look_at(store, "a/b.zarr/x")
    store.write("a/b.zarr/x", b"0")
    with pytest.raises(RetryableError):
        read(one)


def test_an_etag_is_of_the_content_and_only_mosaics_are_kept(tmp_path):
    store = open_store(str(tmp_path))
    store.write("catalogue.parquet", b"one")
    first = look_at(store, "catalogue.parquet")
    assert look_at(store, "catalogue.parquet").etag == first.etag
    store.write("catalogue.parquet", b"three")
    assert look_at(store, "catalogue.parquet").etag != first.etag
    assert first.etag[0] == first.etag[-1] == '"'
    store.write("a/b.zarr/x", b"x")
    assert "max-age" in look_at(store, "a/b.zarr/x").cache_control
    assert first.cache_control == "no-cache"


def test_what_is_not_there_or_is_a_folder_is_not_served(tmp_path):
    (tmp_path / "folder").mkdir()
    for key in ("none", "folder"):
        with pytest.raises(NotServedError):
            look_at(open_store(str(tmp_path)), key)


def test_types_are_those_that_browsers_insist_on():
    assert type_of("viewer.js").startswith("text/javascript")
    assert type_of("A.TIF") == "image/tiff"
    assert type_of("c/0/0") == "application/octet-stream"


def test_bytes_are_served_as_objects_are():
    one = ServedBytes(b"0123456789")
    assert (one.size_bytes, read(one, 2, 4)) == (10, b"23")
    assert one.etag != ServedBytes(b"x").etag


def test_an_object_is_looked_at_once_until_it_is_another_one(tmp_path):
    looks, store = Looks(), CountingStore(*plain(tmp_path))
    store.write("a/b.zarr/x", b"0123")
    for _ in range(3):
        assert read(looks.at(store, "a/b.zarr/x", 60)) == b"0123"
    assert store.stats == ["a/b.zarr/x"]
    store.write("a/b.zarr/x", b"01")
    with pytest.raises(RetryableError):
        read(looks.at(store, "a/b.zarr/x", 60))
    assert read(looks.at(store, "a/b.zarr/x", 60)) == b"01"
    store.delete("a/b.zarr/x")
    with pytest.raises(FileNotFoundError):
        read(looks.at(store, "a/b.zarr/x", 60))
    with pytest.raises(NotServedError):
        looks.at(store, "a/b.zarr/x", 60)


def test_a_look_is_not_kept_unless_asked_for_and_never_more_than_so_many(tmp_path):
    looks, store = Looks(most=2), CountingStore(*plain(tmp_path))
    for key in ("x", "y", "z"):
        store.write(key, b"0")
        looks.at(store, key, 60)
    looks.at(store, "z", 60)
    looks.at(store, "x", 60)
    looks.at(store, "x")
    assert store.stats == ["x", "y", "z", "x", "x"]


def plain(folder):
    store = open_store(str(folder))
    return store.root, store.backend


@dataclass(frozen=True)
class CountingStore(Store):
    stats: list[str] = field(default_factory=list)

    def stat(self, key=""):
        self.stats.append(key)
        return super().stat(key)
