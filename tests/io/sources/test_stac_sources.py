"""StacSource and ApiSource: documents, tables and servers, told apart by what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.selection import Filters
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import Places
from sgddiff_batch.io.sources.kinds import Question
from sgddiff_batch.io.sources.stac_sources import ApiSource, StacSource
from sgddiff_batch.io.stac import Web, allowed_links_of
from tests.kit.stac import make_catalog, make_item, write_documents, write_geoparquet
from tests.kit.stac_server import Answer, StacServer, run_stac_server

Ask = Callable[..., Places]
ALL = ["s3://bucket/0.tif", "s3://bucket/1.tif", "s3://bucket/2.tif"]


@pytest.fixture
def server() -> Iterator[StacServer]:
    with run_stac_server([make_item(str(at), href) for at, href in enumerate(ALL)]) as running:
        yield running


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks a source by its kind: ``auto`` and ``stac`` of StacSource, ``stac-api`` of ApiSource."""
    pool = urllib3.PoolManager()

    def places(uri: str, kind: str = "auto", filters: Filters | None = None) -> Places:
        source = Source(uri, kind)
        query = ArchiveQuery((source,), filters or Filters())
        allowed = allowed_links_of(query)
        question = Question(query, allowed, Web(allowed, pool=pool), uri)
        return (ApiSource() if kind == "stac-api" else StacSource()).places(source, question)

    yield places
    pool.clear()


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        ("/c.json", True),
        ("s3://b/C.GeoJSON", True),
        ("https://host/stac", True),
        ("/c.parquet", False),
        ("/c", False),
    ],
)
def test_documents_and_web_addresses_fit_a_catalogue_and_nothing_a_server(uri: str, fits: bool) -> None:
    assert StacSource().fits(uri) is fits
    assert not ApiSource().fits(uri)


def test_a_document_is_walked(tmp_path: Path, ask: Ask) -> None:
    documents = {"c.json": make_catalog("root", {"a.json": "item"}), "a.json": make_item("a", "a.tif")}
    write_documents(tmp_path, documents)
    answer = ask(str(tmp_path / "c.json"))
    assert list(answer.names) == [f"{tmp_path}/a.tif"]
    assert answer.is_whole


def test_a_relative_document_is_found_from_here(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_documents(tmp_path, {"a.json": make_item("a", "a.tif")})
    monkeypatch.chdir(tmp_path)
    assert list(ask("a.json").names) == [f"{Path.cwd()}/a.tif"]


def test_a_table_of_items_is_read(tmp_path: Path, ask: Ask) -> None:
    write_geoparquet(tmp_path / "i.parquet", ["a.tif"])
    assert list(ask(str(tmp_path / "i.parquet"), "stac").names) == [f"{tmp_path}/a.tif"]


@pytest.mark.parametrize("kind", ["auto", "stac-api"])
def test_a_landing_page_of_a_server_is_searched(server: StacServer, ask: Ask, kind: str) -> None:
    answer = ask(f"{server.url}/", kind)
    assert list(answer.names) == ALL
    assert answer.is_whole


def test_a_server_that_is_said_to_be_a_static_catalogue_is_walked_and_not_searched(
    server: StacServer, ask: Ask
) -> None:
    assert ask(f"{server.url}/", "stac").names == {}
    assert [path for _, path, _, _ in server.requests] == ["/"]


def test_a_static_document_on_the_web_is_walked(server: StacServer, ask: Ask) -> None:
    server.answers["/c.json"] = [Answer(make_item("a", "s3://bucket/a.tif"))]
    assert list(ask(f"{server.url}/c.json").names) == ["s3://bucket/a.tif"]


@pytest.mark.parametrize(
    ("filters", "is_whole"),
    [
        (Filters(time=parse_span("2026-01-01/..")), False),
        (Filters(box=Box(10, 50, 11, 51)), False),
        (Filters(cloud_below_percent=50), True),
    ],
)
def test_a_server_that_was_asked_for_a_part_has_not_told_all(
    server: StacServer, ask: Ask, filters: Filters, is_whole: bool
) -> None:
    answer = ask(f"{server.url}/", filters=filters)
    assert list(answer.names) == ALL
    assert answer.is_whole is is_whole


def test_one_that_sent_fewer_than_it_says_has_not_either(server: StacServer, ask: Ask) -> None:
    page = {"features": [make_item("a", ALL[0])], "numberMatched": 2, "links": []}
    server.answers["/search"] = [Answer(page)]
    assert not ask(f"{server.url}/").is_whole


def test_a_first_document_that_cannot_be_used_is_a_mistake_of_the_config(tmp_path: Path, ask: Ask) -> None:
    write_documents(tmp_path, {"bad.json": b"{", "list.json": [1]})
    for name, words in (
        ("none.json", "there is no STAC document at"),
        ("bad.json", "it is no JSON document"),
        ("list.json", "is no STAC catalog, collection or item"),
    ):
        with pytest.raises(ConfigError, match=f"^archive: .*{words}"):
            ask(str(tmp_path / name))


def test_a_server_whose_landing_page_is_none_is_told(server: StacServer, ask: Ask) -> None:
    server.answers["/"] = [Answer([])]
    with pytest.raises(ConfigError, match="is no landing page of a STAC API"):
        ask(f"{server.url}/", "stac-api")
