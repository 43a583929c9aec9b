"""Lists: the entries of text, CSV and Parquet files, to the letter."""

from __future__ import annotations

import errno
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.archive.lists import is_list, read_list
from sgddiff_batch.io.storage.store import open_store
from tests.kit.memory import MemoryBackend


def read(folder: Path, name: str, content: bytes) -> list[str]:
    (folder / name).write_bytes(content)
    return read_list(str(folder / name))


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("l.txt", True),
        ("l.CSV", True),
        ("s3://bucket/l.parquet", True),
        ("l.tif", False),
        ("l.json", False),
        ("txt", False),
    ],
)
def test_a_list_is_told_by_its_suffix_in_any_case(name: str, counts: bool) -> None:
    assert is_list(name) is counts


def test_a_folder_that_is_called_like_a_list_is_none(tmp_path: Path) -> None:
    (tmp_path / "scenes.csv").mkdir()
    assert not is_list(str(tmp_path / "scenes.csv"))


@pytest.mark.parametrize(
    ("content", "entries"),
    [
        (b"a.tif\nb.tif", ["a.tif", "b.tif"]),
        (b"\xef\xbb\xbf# comment\r\n\r\n  a b.tif \r\nx#1.tif\r\n", ["a b.tif", "x#1.tif"]),
        ("é.tif\n\u2028\x0b.tif\n".encode(), ["é.tif", ".tif"]),
        (b'"a".tif\na,b.tif\n', ['"a".tif', "a,b.tif"]),
        (b"", []),
    ],
)
def test_a_text_has_an_entry_a_line_without_comments(
    tmp_path: Path, content: bytes, entries: list[str]
) -> None:
    assert read(tmp_path, "l.txt", content) == entries


@pytest.mark.parametrize(
    ("content", "entries"),
    [
        (b"when,uri,path\n1,a.tif,x\n2,b.tif,y\n", ["a.tif", "b.tif"]),
        (b"when, PATH \n1,a.tif\n", ["a.tif"]),
        (b"scene\na.tif\n", ["a.tif"]),
        (b"a.tif\nb.tif\n", ["a.tif", "b.tif"]),
        (b'\n ,\nuri,x\n"a,b.tif",1\n\n', ["a,b.tif"]),
        (b"x,uri\n1,a.tif\n2\n3,\n", ["a.tif"]),
        (b"\xef\xbb\xbfuri\na.tif", ["a.tif"]),
        (b"", []),
    ],
)
def test_a_csv_has_a_column_of_entries_with_a_header_or_without(
    tmp_path: Path, content: bytes, entries: list[str]
) -> None:
    assert read(tmp_path, "l.csv", content) == entries


@pytest.mark.parametrize(
    ("columns", "entries"),
    [
        ({"id": [1, 2], "uri": ["a.tif", None]}, ["a.tif"]),
        ({"id": [1], "Path": ["a.tif"]}, ["a.tif"]),
        ({"scene": ["a.tif", " "]}, ["a.tif"]),
        ({"uri": pa.array(["a.tif"]).dictionary_encode()}, ["a.tif"]),
        ({"uri": pa.array(["a.tif"], pa.large_string()), "path": ["b.tif"]}, ["a.tif"]),
    ],
)
def test_a_table_has_a_column_of_entries(
    tmp_path: Path, columns: dict[str, object], entries: list[str]
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "l.parquet")
    assert read_list(str(tmp_path / "l.parquet")) == entries


def test_of_two_columns_of_one_name_the_first_is_read(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a.tif"]), pa.array(["b.tif"])], names=["uri", "uri"])
    pq.write_table(table, tmp_path / "l.parquet")
    assert read_list(str(tmp_path / "l.parquet")) == ["a.tif"]


@pytest.mark.parametrize(
    ("column", "words"),
    [({"uri": [1]}, "holds no text but 1"), ({"uri": [b"a.tif"]}, "holds no text but b'a.tif'"),
     ({"a": ["x"], "b": ["y"]}, r"its columns are \['a', 'b'\]; one must be called 'uri' or 'path'")],
)  # fmt: skip
def test_a_table_without_entries_is_told(tmp_path: Path, column: dict[str, object], words: str) -> None:
    pq.write_table(pa.table(column), tmp_path / "l.parquet")
    with pytest.raises(ConfigError, match=words):
        read_list(str(tmp_path / "l.parquet"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", b"a,b\n1,2\n", "one must be called 'uri' or 'path'"),
        ("l.csv", b"uri\n" + b"x" * 200_000, "cannot be understood: field larger"),
        ("l.txt", b"\xff\xfe", "is not UTF-8"),
        ("l.parquet", b"nothing", "cannot be understood"),
        ("l.parquet", b"", "cannot be understood"),
    ],
)
def test_a_list_that_cannot_be_understood_is_told(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, name, content)


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"archive\.uri: there is no list at"):
        read_list(str(tmp_path / "l.txt"))


class FailingBackend(MemoryBackend):
    """Storage that does not answer."""

    def read(self, path: str) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


def test_a_list_of_object_storage_is_read_and_a_failure_of_it_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SCHEMES, "mem", "tests.kit.memory:MemoryBackend")
    monkeypatch.setitem(SCHEMES, "failing", "tests.io.archive.test_lists:FailingBackend")
    bucket = uuid.uuid4().hex
    open_store(f"mem://{bucket}").write("l.txt", b"a.tif\n")
    assert read_list(f"mem://{bucket}/l.txt") == ["a.tif"]
    with pytest.raises(RetryableError, match="Input/output error"):
        read_list(f"failing://{bucket}/l.txt")
