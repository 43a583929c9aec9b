"""ListSource: names are places until somebody looks, and a table may hold items instead."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sgddiff_batch.core.query import ArchiveQuery, AssetRule, Source
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import Places
from sgddiff_batch.io.sources.kinds import Question
from sgddiff_batch.io.sources.lists import ListSource
from sgddiff_batch.io.stac import Web, allowed_links_of
from tests.kit.stac import write_geoparquet


def places(uri: str, **more: AssetRule) -> Places:
    source = Source(uri, "list", **more)
    query = ArchiveQuery((source,))
    allowed = allowed_links_of(query)
    return ListSource().places(source, Question(query, allowed, Web(allowed), str(Path(uri).parent)))


@pytest.mark.parametrize(
    ("uri", "fits"), [("/l.txt", True), ("s3://b/l.CSV", True), ("/l.parquet", True), ("/l.json", False)]
)
def test_a_list_is_told_by_its_suffix(uri: str, fits: bool) -> None:
    assert ListSource().fits(uri) is fits


def test_entries_count_from_the_folder_of_the_list_and_are_not_looked_up(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("a.tif\n/data/b.tif\ns3://bucket/c.tif\nd.png\ngs://bucket/e.tif\n")
    answer = places(str(tmp_path / "l.txt"))
    assert answer.names == {
        f"{tmp_path}/a.tif": "a.tif",
        "/data/b.tif": "data/b.tif",
        "s3://bucket/c.tif": "bucket/c.tif",
    }
    assert [file.path for file in answer.ignored] == ["d.png"]
    assert [file.path for file in answer.missing] == ["gs://bucket/e.tif"]
    assert answer.is_whole


def test_a_relative_list_counts_from_its_full_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "l.csv").write_text("uri\na.tif\n")
    monkeypatch.chdir(tmp_path)
    assert places("l.csv").names == {f"{Path.cwd()}/a.tif": "a.tif"}


def test_a_table_of_names_is_a_list(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["i"], "path": ["a.tif"]}), tmp_path / "l.parquet")
    assert places(str(tmp_path / "l.parquet")).names == {f"{tmp_path}/a.tif": "a.tif"}


def test_a_table_of_items_is_a_catalogue_with_its_facts_and_the_rule_of_the_asset(tmp_path: Path) -> None:
    write_geoparquet(tmp_path / "i.parquet", ["a.tif", "c.tif"])
    answer = places(str(tmp_path / "i.parquet"))
    assert list(answer.names) == [f"{tmp_path}/a.tif", f"{tmp_path}/c.tif"]
    assert answer.facts[f"{tmp_path}/c.tif"].cloud_percent == 10
    other = places(str(tmp_path / "i.parquet"), asset=AssetRule(key="B01"))
    assert list(other.names) == [f"{tmp_path}/b.tif"]


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in ("none.txt", "none.parquet"):
        with pytest.raises(ConfigError, match=r"archive\.uri: there is no list at"):
            places(str(tmp_path / name))
