"""Kinds of sources: each is told by its name, and a further one is one file and one row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sgddiff_batch.config.archive import ArchiveConfig
from sgddiff_batch.core.query import Source
from sgddiff_batch.core.selection import Facts
from sgddiff_batch.core.source_kinds import SOURCE_KINDS, SourceKind
from sgddiff_batch.core.times import parse_time
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import Places, places_of
from sgddiff_batch.io.sources.kinds import Question, source_for
from sgddiff_batch.io.sources.listing import list_archive
from sgddiff_batch.io.sources.lists import ListSource
from sgddiff_batch.io.sources.prefixes import PrefixSource
from sgddiff_batch.io.sources.stac_sources import ApiSource, StacSource

ROW = SourceKind("tests.io.sources.test_kinds:SqliteSource", suffixes=(".sqlite",))


class SqliteSource:
    """A table ``scenes`` of paths, days and percents of clouds, in a file on this machine."""

    def fits(self, uri: str) -> bool:
        return uri.endswith(ROW.suffixes)

    def places(self, source: Source, question: Question) -> Places:
        with closing(sqlite3.connect(source.uri)) as database:
            rows = database.execute("select path, day, clouds from scenes").fetchall()
        folder = str(Path(source.uri).parent)
        facts = {
            f"{folder}/{path}": Facts(item=path, time=parse_time(day), cloud_percent=clouds)
            for path, day, clouds in rows
        }
        return replace(places_of([path for path, *_ in rows], folder), facts=facts)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Four files, and a table of three of them and of one that is not there."""
    for name in ("a.tif", "b.tif", "c.tif", "d.tif"):
        (tmp_path / name).write_bytes(b"x")
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table scenes (path, day, clouds)")
        rows = [("a.tif", "2025-06-01", 5), ("b.tif", "2025-06-02", 80), ("c.tif", "2024-01-01", 5)]
        database.executemany("insert into scenes values (?, ?, ?)", [*rows, ("x.tif", "2025-06-03", 5)])
    return path


def test_an_archive_is_listed_from_a_kind_of_source_of_which_there_is_a_row(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCE_KINDS, "sqlite", ROW)
    for kind in ("auto", "sqlite"):
        listing = list_archive(ArchiveConfig(uri=str(index), kind=kind).query())
        assert [scene.scene_id for scene in listing.scenes] == ["a.tif", "b.tif", "c.tif"]
        assert [file.path for file in listing.missing] == ["x.tif"]


def test_what_such_a_source_knows_is_asked_by_filters_and_joined_with_a_folder(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCE_KINDS, "sqlite", ROW)
    asked = {"uri": str(index.parent), "also": [{"uri": str(index)}]}
    listing = list_archive(
        ArchiveConfig(**asked, filters={"cloud_cover_below": 50, "datetime": "2025-01-01/.."}).query()
    )
    assert [scene.scene_id for scene in listing.scenes] == ["a.tif"]
    assert listing.left_out.keys() == {"b.tif", "c.tif", "d.tif"}


def test_a_kind_without_a_row_is_refused_with_those_that_there_are(index: Path) -> None:
    with pytest.raises(ValueError, match="one of auto, prefix, list, stac-api, stac, got 'sqlite'"):
        ArchiveConfig(uri=str(index), kind="sqlite")
    with pytest.raises(ConfigError, match="no folder and no"):
        list_archive(ArchiveConfig(uri=str(index)).query())


@pytest.mark.parametrize(
    ("uri", "kind", "serves"),
    [
        ("/scenes", "auto", PrefixSource),
        ("s3://bucket/scenes/*.tif", "auto", PrefixSource),
        ("s3://bucket/list.CSV", "auto", ListSource),
        ("/a/items.parquet", "auto", ListSource),
        ("/a/catalog.JSON", "auto", StacSource),
        ("https://host/stac", "auto", StacSource),
        ("https://host/stac", "stac-api", ApiSource),
        ("/a/catalog.json", "list", ListSource),
        ("/a/list.txt", "prefix", PrefixSource),
    ],
)
def test_a_source_is_told_by_its_name_or_by_its_kind(uri: str, kind: str, serves: type) -> None:
    assert type(source_for(Source(uri, kind))) is serves


@pytest.mark.parametrize("name", ["scene.tif", "list.txt"])
def test_scenes_and_lists_are_not_asked_of_the_web(name: str) -> None:
    with pytest.raises(ConfigError, match="on the web, which is for STAC alone"):
        source_for(Source(f"https://host/{name}"))
