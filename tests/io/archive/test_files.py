"""Files as a listing shows them: on this machine and in buckets, whatever lies in the way of a look."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sgddiff_batch.core.query import OWN
from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive.files import (
    NO_ARCHIVE,
    ZARR_STORE,
    ArchiveFile,
    IgnoredFile,
    error_words,
    fetched_at,
    file_at,
    find_objects,
    is_unicode,
    list_folder,
    local_file,
)
from sgddiff_batch.io.storage import NoBucketError, ObjectFacts, Store, open_store
from tests.kit.memory import ROW, MemoryBackend


class DenyingBackend(MemoryBackend):
    """Buckets of which the first are not there, and the others may not be listed."""

    def find(self, path: str, begin: str = "") -> Iterator[ObjectFacts]:
        if path.startswith("gone"):
            raise NoBucketError(f"no://{path}", "there is no such bucket")
        raise ConfigError(f"no://{path} cannot be listed: the credentials have expired")

    def files_in(self, folder: str, wanted: object, begin: str) -> list[ObjectFacts]:
        return list(self.find(folder))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty bucket, with a kind of storage that the tests alone have."""
    monkeypatch.setitem(SCHEMES, *ROW)
    monkeypatch.setitem(SCHEMES, "no", "tests.io.archive.test_files:DenyingBackend")
    return open_store(f"mem://{uuid.uuid4().hex}")


class TestLocalFile:
    def test_it_is_told_by_size_and_time(self, tmp_path: Path) -> None:
        (tmp_path / "a.tif").write_bytes(b"123")
        os.utime(tmp_path / "a.tif", ns=(7, 1_500_000_000))
        assert local_file(tmp_path / "a.tif", "d/a.tif") == ArchiveFile(
            "d/a.tif", str(tmp_path / "a.tif"), 3, [3, 1_500_000_000], 1.5
        )

    def test_what_a_link_leads_to_is_looked_at(self, tmp_path: Path) -> None:
        (tmp_path / "real").write_bytes(b"123")
        (tmp_path / "a.tif").symlink_to("real")
        found = local_file(tmp_path / "a.tif", "a.tif")
        assert isinstance(found, ArchiveFile)
        assert (found.uri, found.size_bytes) == (str(tmp_path / "a.tif"), 3)

    def test_a_folder_and_a_pipe_are_no_files_and_are_not_lost(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert local_file(tmp_path, "d.tif") == IgnoredFile("d.tif", "it is a folder")
        assert local_file(tmp_path / "pipe", "p\n.tif") == IgnoredFile("p\\n.tif", "it is no regular file")

    def test_nothing_is_none_and_so_is_what_would_lie_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        assert local_file(tmp_path / "none", "none") is local_file(tmp_path / "a" / "b", "b") is None

    @pytest.mark.parametrize(("name", "words"), [("n" * 300, "File name too long"), ("a\0", "null")])
    def test_what_the_system_does_not_let_us_look_at_is_lost(
        self, tmp_path: Path, name: str, words: str
    ) -> None:
        found = local_file(tmp_path / name, name)
        assert isinstance(found, IgnoredFile)
        assert found.lost
        assert words in found.reason


@pytest.mark.parametrize(("name", "counts"), [("é\n.tif", True), (os.fsdecode(b"\xff.tif"), False)])
def test_a_name_of_any_bytes_may_be_no_text(name: str, counts: bool) -> None:
    assert is_unicode(name) is counts


def test_an_error_is_told_without_its_number_and_file() -> None:
    assert error_words(PermissionError(13, "Permission denied", "/a")) == "Permission denied"
    assert error_words(ValueError("embedded null byte")) == "embedded null byte"


class TestObjects:
    def test_each_has_its_path_from_the_root_and_its_uri(self, bucket: Store) -> None:
        for key in ("s/a.tif", "s/d/b c.tif", "sx/c.tif"):
            bucket.write(key, b"123")
        found = list(find_objects(bucket.uri_of("s"), "", OWN))
        assert [(file.path, getattr(file, "uri", None)) for file in found] == [
            ("a.tif", bucket.uri_of("s/a.tif")),
            ("d/b c.tif", bucket.uri_of("s/d/b c.tif")),
        ]
        assert [file.path for file in find_objects(bucket.uri_of("s"), "d", OWN)] == ["d/b c.tif"]

    def test_an_object_of_the_name_of_the_prefix_is_not_below_it(self, bucket: Store) -> None:
        bucket.write("s", b"1")
        assert list(find_objects(bucket.uri_of("s"), "", OWN)) == []

    def test_a_folder_that_is_in_no_archive_is_one_line(self, bucket: Store) -> None:
        for key in (
            ".git/a.tif",
            ".git/b.tif",
            "d/m.zarr/0/.git",
            "d/m.zarr/1",
            ".snapshot/o.zarr/0",
            "a.zarr",
        ):
            bucket.write(key, b"1")
        found = list(find_objects(bucket.uri, "", OWN))
        assert [file for file in found if isinstance(file, IgnoredFile)] == [
            IgnoredFile(".git", NO_ARCHIVE),
            IgnoredFile(".snapshot", NO_ARCHIVE),
            IgnoredFile("d/m.zarr", ZARR_STORE),
        ]
        assert [file.path for file in found if isinstance(file, ArchiveFile)] == ["a.zarr"]

    def test_a_bucket_that_is_not_there_stays_one_and_the_key_of_the_config_is_named(
        self, bucket: Store
    ) -> None:
        told = r"^archive\.uri: no://gone/x cannot be listed: there is no such bucket$"
        with pytest.raises(NoBucketError, match=told) as refusal:
            list(find_objects("no://gone/x", "", OWN))
        assert (refusal.value.uri, refusal.value.reason) == ("no://gone/x", "there is no such bucket")
        with pytest.raises(ConfigError, match=r"^archive\.uri: no://mine cannot be .* expired$"):
            list_folder("no://mine", ("a.tif",), {"a.tif"})


class TestListFolder:
    @pytest.mark.parametrize("kind", ["local", "bucket"])
    def test_the_files_right_in_it_are_found_in_any_case(
        self, tmp_path: Path, bucket: Store, kind: str
    ) -> None:
        store = bucket if kind == "bucket" else open_store(str(tmp_path))
        for key in ("a.tif", "A.TFW", "b.tif", "d/a.tif"):
            store.write(key, b"123")
        found = list_folder(store.uri, ("a.tif",), {"a.tif", "a.tfw", "a.tif.msk"})
        assert {file.path: (file.uri, file.size_bytes) for file in found} == {
            "a.tif": (store.uri_of("a.tif"), 3),
            "A.TFW": (store.uri_of("A.TFW"), 3),
        }

    def test_without_the_folder_there_are_none(self, tmp_path: Path, bucket: Store) -> None:
        for uri in (str(tmp_path / "none"), bucket.uri_of("none")):
            assert list_folder(uri, ("a.tif",), {"a.tif"}) == []


@pytest.mark.parametrize("kind", ["local", "bucket"])
def test_one_file_is_looked_at_as_a_listing_shows_it(tmp_path: Path, bucket: Store, kind: str) -> None:
    store = bucket if kind == "bucket" else open_store(str(tmp_path))
    store.write("d/a.tif", b"123")
    (listed,) = list_folder(store.uri_of("d"), ("a.tif",), {"a.tif"})
    assert file_at(store.uri_of("d/a.tif")) == listed
    assert file_at(store.uri_of("d/none.tif")) is None


def test_one_file_of_a_bucket_comes_with_what_a_listing_shows_of_it(bucket: Store) -> None:
    bucket.write("d/a.tif", b"123")
    listed = file_at(bucket.uri_of("d/a.tif"))
    assert isinstance(listed, ArchiveFile)
    file, data = fetched_at(bucket.uri_of("d/a.tif"))
    assert (file, data) == (replace(listed, modified_s=None), b"123")
    with pytest.raises(FileNotFoundError):
        fetched_at(bucket.uri_of("d/none.tif"))
