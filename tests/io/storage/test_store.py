"""Stores: whole objects, on a local disk."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage.store import open_store


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "root"))


def test_what_was_written_is_read(store):
    store.write("a/b.json", b"1")
    store.write("a/b.json", b"2")
    assert store.read("a/b.json") == b"2"
    assert store.keys() == ["a/b.json"]
    assert store.read_all("a") == {"a/b.json": b"2"}


def test_nothing_is_there_before_the_first_write(store):
    assert store.keys() == []
    assert store.read_all("a") == {}
    with pytest.raises(FileNotFoundError):
        store.read("a")


@pytest.mark.parametrize("root", ["/", "//"])
def test_the_root_of_the_file_system_has_keys_as_any_folder(tmp_path, root):
    store, here = open_store(root), str(tmp_path).lstrip("/")
    store.write(f"{here}/a/b.tif", b"1")
    store.write(f"{here}/c", b"2")
    assert store.keys(here) == [f"{here}/a/b.tif", f"{here}/c"]
    assert sorted(store.find(here)) == [f"{here}/a/b.tif", f"{here}/c"]
    assert list(store.find(f"{here}/a", "b")) == [f"{here}/a/b.tif"]
    assert store.read_all(here) == {f"{here}/a/b.tif": b"1", f"{here}/c": b"2"}
    assert store.uri_of(here).replace("//", "/") == str(tmp_path)
    store.delete(f"{here}/a/b.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_files_right_in_the_root_of_the_file_system_are_found_by_their_names():
    there = {path.name for path in Path("/").iterdir() if path.is_file()}
    assert set(open_store("/").files_in({name.lower() for name in there}, "")) == there


def test_a_file_in_the_way_of_what_is_written_is_a_mistake(store):
    store.write("a", b"1")
    for put in (store.write, store.create, lambda key, data: store.replace(key, data, "any")):
        with pytest.raises(ConfigError, match="a/b"):
            put("a/b", b"2")
    assert store.read("a") == b"1"


def test_deleting_leaves_no_empty_folder(store, tmp_path):
    store.write("a/b/c.json", b"1")
    store.write("d.json", b"1")
    store.delete("a/b/c.json")
    store.delete("a/b/c.json")
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["d.json"]


def test_deleting_a_tree_takes_temporary_files_along_and_nothing_else(store, tmp_path):
    store.write("a/b/c.json", b"1")
    store.write("ab/c.json", b"1")
    (tmp_path / "root/a/b/x.partial").write_bytes(b"half")
    store.delete_tree("a/b")
    store.delete_tree("a/b")
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["ab"]


def test_temporary_files_are_no_objects_and_can_be_swept(store, tmp_path):
    store.write("a/b.json", b"1")
    (tmp_path / "root/a/b.json.123.partial").write_bytes(b"half")
    assert store.keys("a") == ["a/b.json"]
    store.sweep_temporary("a")
    assert len(list((tmp_path / "root/a").iterdir())) == 1


def test_writers_and_deleters_of_one_folder_do_not_trip_over_each_other(store):
    def write_and_delete(number):
        for turn in range(25):
            store.write(f"a/b/{number}-{turn}", b"1")
            store.delete(f"a/b/{number}-{turn}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_and_delete, range(4)))
    assert store.keys() == []


def test_the_entries_of_a_folder_are_its_folders_and_its_files_at_their_versions(store, tmp_path):
    store.write("a/one", b"1")
    store.write("a/two", b"2")
    store.write("a/inner/three", b"3")
    (tmp_path / "root/a/linked").symlink_to(tmp_path / "root/a/inner")
    (tmp_path / "root/a/broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "root/a/pipe")
    before = store.entries("a")
    assert sorted(before) == ["broken", "inner", "linked", "one", "two"]
    assert {name for name, version in before.items() if version is None} == {"inner", "linked"}
    assert store.entries("a") == before
    store.write("a/one", b"12")
    assert store.entries("a")["one"] != before["one"]
    assert store.entries("a")["two"] == before["two"]


def test_the_entries_of_a_folder_that_is_not_there_cannot_be_told(store):
    store.write("file", b"1")
    with pytest.raises(FileNotFoundError):
        store.entries("nowhere")
    with pytest.raises(ConfigError):
        store.entries("file")


def test_the_zarr_stores_of_two_endpoints_ask_each_its_own(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    asked = []
    for endpoint in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        asked.append(open_store("s3://bucket/mosaic").zarr("", read_only=True).fs.endpoint_url)
    assert asked == ["http://127.0.0.1:1", "http://127.0.0.1:2"]


def test_objects_are_found_one_by_one_as_they_are_all_at_once(tmp_path):
    store = open_store(str(tmp_path))
    for key in ("x/a", "x/b/c", "y/a"):
        store.write(key, b"data")
    assert dict(store.find_each("x")) == store.find("x") != {}
    assert dict(store.find_each("x", "b/")) == store.find("x", "b/") != {}
    assert list(store.find_each("gone")) == []


def test_a_media_type_changes_nothing_on_a_disk_which_has_no_web_address(store):
    store.write("a.html", b"1", "text/html")
    assert store.read("a.html") == b"1"
    assert store.web_url("a.html") is None
