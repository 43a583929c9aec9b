"""What every kind of storage has to keep to: files, S3, and one that only the tests have."""

import uuid

import pytest

from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.io.storage.store import open_store
from tests.kit.memory import ROW
from tests.kit.s3 import new_bucket


@pytest.fixture(params=["local", "memory", "s3"])
def store(request, tmp_path, monkeypatch):
    """An empty store of each kind."""
    if request.param == "s3":
        with new_bucket(request.getfixturevalue("s3_server"), "kinds-bucket", monkeypatch):
            yield open_store("s3://kinds-bucket/a")
        return
    monkeypatch.setitem(SCHEMES, *ROW)
    yield open_store(str(tmp_path / "a") if request.param == "local" else f"mem://{uuid.uuid4().hex}/a")


def test_a_kind_of_storage_keeps_to_the_contract(store):
    check_reading(store)
    check_listings(store)
    check_conditions(store)
    check_below_an_object(store)
    check_removal(store)


def check_reading(store):
    for key in ("a", "x/a.tif", "x/A.TFW", "x/deep/b", "xx"):
        store.write(key, key.encode() * 3)
    assert store.read("x/a.tif") == b"x/a.tif" * 3
    assert store.read_part("x/a.tif", 2, 9) == b"a.tifx/"
    assert store.read_part("x/a.tif", 20, 900) == b"f"
    with store.open("xx") as file:
        file.seek(2)
        assert file.read() == b"xxxx"
    assert store.read_many(["a", "none", "xx"]) == {"a": b"aaa", "xx": b"xxxxxx"}
    for read in (store.read, store.read_versioned, lambda key: store.read_part(key, 0, 1)):
        with pytest.raises(FileNotFoundError):
            read("none")


def check_listings(store):
    assert store.keys() == ["a", "x/A.TFW", "x/a.tif", "x/deep/b", "xx"]
    assert store.keys("x") == ["x/A.TFW", "x/a.tif", "x/deep/b"]
    assert {key: facts.size_bytes for key, facts in store.find("x").items()} == {
        "x/A.TFW": 21,
        "x/a.tif": 21,
        "x/deep/b": 24,
    }
    assert list(store.find("x", "a")) == ["x/a.tif"]
    assert list(store.find("xx")) == ["xx"]
    assert store.find("none") == {}
    assert {name: version is None for name, version in store.entries("x").items()} == {
        "A.TFW": False,
        "a.tif": False,
        "deep": True,
    }
    beside = open_store(store.uri_of("x"))
    assert sorted(beside.files_in({"a.tif", "a.tfw", "none"}, "")) == ["A.TFW", "a.tif"]
    assert open_store(store.uri_of("none")).files_in({"a.tif"}, "") == {}
    facts = store.stat("x/a.tif")
    assert facts is not None
    assert facts == beside.files_in({"a.tif"}, "")["a.tif"]
    assert store.stat("none") is store.stat("x") is None
    assert not any(map(store.is_link, ("a", "x")))


def check_conditions(store):
    assert store.create("a", b"mine 1") is None
    version = store.create("new", b"mine 2")
    assert store.read_versioned("new").version == version
    assert store.replace("new", b"mine 3", "another") is None
    assert store.replace("new", b"mine 4", version)
    assert store.read("new") == b"mine 4"


def check_below_an_object(store):
    for ask in (store.read, store.read_versioned, store.entries, lambda key: store.read_part(key, 0, 1)):
        with pytest.raises(FileNotFoundError):
            ask("a/below")
    with pytest.raises(FileNotFoundError), store.open("a/below"):
        pass
    assert store.read_many(["a/below"]) == store.listed("a/below") == store.find("a/below") == {}
    assert store.stat("a/below") is None
    store.delete("a/below")
    store.delete_tree("a/below")
    assert store.read("a") == b"aaa"


def check_removal(store):
    asked = []
    store.guarded(lambda: asked.append(1)).delete_tree("x")
    assert asked
    store.delete("none")
    store.delete("new")
    assert store.keys() == ["a", "xx"]
    store.sweep_temporary("")
    assert list(store.temporary()) == []
