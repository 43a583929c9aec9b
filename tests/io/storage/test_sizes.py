"""Sizes: how much lies below a prefix, and how old it is."""

import os

import pytest

from sgddiff_batch.io.storage.backend import ObjectFacts
from sgddiff_batch.io.storage.sizes import Size, measure
from sgddiff_batch.io.storage.store import Store, open_store
from tests.kit.memory import MemoryBackend


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path))
    for key, seconds in (("a/1", 1000), ("a/b/2", 3000), ("ab/3", 9000)):
        store.write(key, b"x" * seconds)
        os.utime(tmp_path / key, (seconds, seconds))
    return store


def test_objects_and_bytes_are_counted_and_the_last_change_is_kept(store):
    assert measure(store, "a") == Size(objects=2, size_bytes=4000, newest_s=3000)
    assert measure(store, "") == Size(objects=3, size_bytes=13000, newest_s=9000)


def test_a_prefix_that_is_an_object_is_measured_as_one(store):
    assert measure(store, "a/1") == Size(1, 1000, 1000)


def test_nothing_has_no_size(store):
    assert measure(store, "none") is None


def test_what_killed_writers_left_takes_room_too(store, tmp_path):
    (tmp_path / "ab" / "4.partial").write_bytes(b"xx")
    size = measure(store, "ab")
    assert size is not None
    assert (size.objects, size.size_bytes) == (2, 9002)


def test_an_object_whose_age_is_not_told_counts_as_the_oldest():
    class Ageless(MemoryBackend):
        def find(self, path, begin=""):
            return [ObjectFacts(f"{path}/a", 5, "etag")]

    assert measure(Store("bucket", Ageless()), "x") == Size(1, 5, 0.0)
