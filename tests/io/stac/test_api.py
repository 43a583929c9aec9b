"""STAC APIs: whole or not at all, within the hosts that are named, and with an end in every case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.selection import Filters
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.sources.listing import Listing, list_archive
from sgddiff_batch.io.stac.allowed_links import allowed_links_of
from sgddiff_batch.io.stac.api import _BARREN_PAGES, search
from sgddiff_batch.io.stac.http import Web
from sgddiff_batch.io.stac.items import ItemSorter
from tests.kit.stac import make_item
from tests.kit.stac_server import Answer, StacServer, run_stac_server


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{name}.tif" for name in "abcde"]
    for path in paths:
        path.write_bytes(b"x")
    return list(map(str, paths))


@pytest.fixture
def server(files: list[str]) -> Iterator[StacServer]:
    with run_stac_server([make_item(Path(file).stem, f"file://{file}") for file in files]) as running:
        yield running


def ask(server: StacServer, folder: Path, **more: Any) -> tuple[Listing, list[float]]:
    """List an API whose items are files of a folder; return the listing, and how long was waited when."""
    waits: list[float] = []
    source = Source(f"{server.url}/", collections=more.pop("collections", ()))
    query = ArchiveQuery((source,), folders=(str(folder),), **more)
    pool = urllib3.PoolManager()
    try:
        return list_archive(query, web=Web(allowed_links_of(query), pool=pool, sleep=waits.append)), waits
    finally:
        pool.clear()


@pytest.mark.parametrize("by_post", [False, True])
def test_all_pages_are_read_once(server: StacServer, tmp_path: Path, files: list[str], by_post: bool) -> None:
    server.by_post = by_post
    listing, _ = ask(server, tmp_path)
    assert [scene.uri for scene in listing.scenes] == files
    assert listing.missing == ()
    assert listing.is_whole
    assert [path for _, path, _, _ in server.requests] == ["/", "/search", "/search", "/search"]


def test_filters_are_asked_of_the_server_and_applied_to_what_it_sends(
    server: StacServer, tmp_path: Path, files: list[str]
) -> None:
    server.items = [
        make_item("a", f"file://{files[0]}", **{"eo:cloud_cover": 10}),
        make_item("b", f"file://{files[1]}", **{"eo:cloud_cover": 90}),
        make_item("c", f"file://{files[2]}", datetime="2020-01-01T00:00:00Z", **{"eo:cloud_cover": 1}),
        make_item("d", f"file://{files[3]}", collection="other", **{"eo:cloud_cover": 1}),
        make_item("e", f"file://{files[4]}"),
    ]
    filters = Filters(parse_span("2026-01-01/.."), Box(10, 50, 10.5, 50.5), 50)
    listing, _ = ask(server, tmp_path, filters=filters, collections=("c",))
    assert [scene.uri for scene in listing.scenes] == files[:1]
    assert sorted(listing.left_out.values()) == [
        "it is too cloudy",
        "its cloud cover is not known, and archive.filters asks for it",
        "its time is not asked for",
    ]
    assert server.requests[1][2] == {
        "limit": "250",
        "collections": "c",
        "datetime": "2026-01-01T00:00:00Z/..",
        "bbox": "10,50,10.5,50.5",
    }
    assert not listing.is_whole


def test_a_server_that_falters_is_asked_again_with_pauses(server: StacServer, tmp_path: Path) -> None:
    good = Answer({"features": [], "links": []})
    server.answers["/search"] = [Answer(status=503, headers={"Retry-After": "7"}), Answer(status=500), good]
    listing, waits = ask(server, tmp_path)
    assert listing.scenes == ()
    assert len(waits) == 2
    assert 5 <= waits[0] <= 9
    server.answers["/search"] = [Answer(status=429, headers={"Retry-After": "99999"}), good]
    _, waits = ask(server, tmp_path)
    assert waits[0] <= 40


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(status=502), RetryableError, "answers 502, 5 times"),
        (Answer(b"<html>"), RetryableError, "no JSON"),
        (Answer(b"[" * 100_000), RetryableError, "no JSON"),
        (Answer(b'{"features": ['), RetryableError, "no JSON"),
        (Answer({"features": "none"}), RetryableError, "no list of features"),
        (Answer([1, 2]), RetryableError, "no list of features"),
        (Answer(b"{}", headers={"Content-Length": "999"}), RetryableError, "IncompleteRead"),
        (Answer(b"junk", headers={"Content-Encoding": "gzip"}), RetryableError, "DecodeError"),
        (Answer(status=401), ConfigError, "denies it \\(401\\)"),
        (Answer(status=403), ConfigError, "denies it \\(403\\)"),
        (Answer(b"no such\x1b[31m collection", status=400), ConfigError, "400: no such.31m collection"),
        (Answer(status=404), ConfigError, "404"),
        (Answer(status=204), RetryableError, "204"),
        (Answer(status=302), ConfigError, "without an href"),
        (
            Answer(status=302, headers={"Location": "http://169.254.169.254/latest"}),
            ConfigError,
            "leads to http://169.254.169.254:80, which archive.allow_hosts does not name",
        ),
        (Answer(status=301, headers={"Location": "file:///etc/passwd"}), ConfigError, "allow_folders"),
        (Answer(status=301, headers={"Location": "/search"}), RetryableError, "more than 5 redirects"),
        (
            Answer({"features": [], "links": [{"rel": "next", "href": "https://elsewhere.example/p"}]}),
            ConfigError,
            "leads to https://elsewhere.example:443, which archive.allow_hosts does not name",
        ),
        (Answer({"features": [], "links": [{"rel": "next"}]}), ConfigError, "without an href"),
    ],
)
def test_an_answer_that_is_none_ends_the_listing_in_one_line(
    server: StacServer, tmp_path: Path, answer: Answer, error: type[Exception], words: str
) -> None:
    server.answers["/search"] = [answer]
    with pytest.raises(error, match=words) as refusal:
        ask(server, tmp_path)
    assert "\n" not in str(refusal.value)
    assert len(server.requests) <= 8


def test_a_failure_on_a_later_page_is_never_a_short_listing(
    server: StacServer, tmp_path: Path, files: list[str]
) -> None:
    first = {
        "features": [make_item("a", f"file://{files[0]}")],
        "links": [{"rel": "next", "href": "/search?page=2"}],
    }
    server.answers["/search"] = [Answer(first), Answer(b"{", status=500)]
    with pytest.raises(RetryableError, match="500"):
        ask(server, tmp_path)


def test_pages_that_go_around_in_circles_end(server: StacServer, tmp_path: Path) -> None:
    server.answers["/search"] = [
        Answer({"features": [], "links": [{"rel": "next", "href": "/search?page=1"}]})
    ]
    with pytest.raises(RetryableError, match="pages do not end"):
        ask(server, tmp_path)
    assert len(server.requests) <= 4


def test_pages_without_end_and_without_news_end(server: StacServer, tmp_path: Path, files: list[str]) -> None:
    class Endless(StacServer):
        def _page(self, start: int) -> dict[str, Any]:
            items = [make_item("a", f"file://{files[0]}")]
            return {"features": items, "links": [{"rel": "next", "href": f"/search?token={start + 1}"}]}

    server.__class__ = Endless
    with pytest.raises(RetryableError, match="pages do not end"):
        ask(server, tmp_path)
    assert len(server.requests) == 2 + _BARREN_PAGES


def test_pages_without_end_and_with_news_end_too(server: StacServer) -> None:
    class Inventive(StacServer):
        def _page(self, start: int) -> dict[str, Any]:
            items = [make_item(f"i{start}", f"s3://b/{start}.tif")]
            return {"features": items, "links": [{"rel": "next", "href": f"/search?token={start + 1}"}]}

    server.__class__ = Inventive
    query = ArchiveQuery((Source(server.url),))
    allowed = allowed_links_of(query)
    sorter, pool = ItemSorter(query.sources[0], allowed, server.url), urllib3.PoolManager()
    with pytest.raises(RetryableError, match="pages do not end: 20 pages, 20 items"):
        search(server.url, {}, sorter, Filters(), Web(allowed, pool=pool), most_pages=20)
    pool.clear()


def test_links_of_an_api_are_decoded_as_those_of_files(server: StacServer, tmp_path: Path) -> None:
    names = ["a b.tif", "é%20+.tif", "x/y.tif", "typed"]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    hrefs = ["a%20b.tif?sig=1", "%C3%A9%2520+.tif", "x%2Fy.tif", "%74yped"]
    server.items = [make_item(href, f"file://{tmp_path}/in/{href}") for href in hrefs]
    server.items = [*server.items, make_item("out", f"file://{tmp_path}/in/..%2F..%2Fa.tif")]
    listing, _ = ask(server, tmp_path / "in")
    assert sorted(scene.uri.removeprefix(f"{tmp_path}/in/") for scene in listing.scenes) == sorted(names)
    assert [file.path for file in listing.not_listed] == ["c/out"]


def test_bad_items_are_told_of_and_the_others_kept(
    server: StacServer, tmp_path: Path, files: list[str]
) -> None:
    server.page_items = 50
    server.items = [  # type: ignore[list-item]
        make_item("good", f"file://{files[0]}"),
        make_item("elsewhere", "https://elsewhere.example/x.tif?sig=secret"),
        make_item("local", "file:///etc/passwd"),
        make_item("gone", f"file://{tmp_path}/gone.tif"),
        make_item("none", "", assets={}),
        {"id": "odd", "assets": 3},
        7,
        None,
        make_item("jp2", "", assets={"visual": {"href": "s3://b/x.jp2", "type": "image/jp2"}}),
        make_item("x\ny" + "z" * 999, "..\\"),
    ]
    listing, _ = ask(server, tmp_path)
    assert [scene.uri for scene in listing.scenes] == files[:1]
    told = {file.path: file.reason for file in (*listing.missing, *listing.not_listed)}
    assert "archive.allow_hosts does not name" in told["c/elsewhere"]
    assert "archive.allow_folders does not name" in told["c/local"]
    assert "there is no file at" in told[str(tmp_path / "gone.tif").lstrip("/")]
    assert "no GeoTIFF" in told["c/none"]
    assert told["odd"] == "the item has no assets"
    assert "is no STAC item" in told["?"]
    assert "no GeoTIFF" in told["c/jp2"]
    assert len(told) == 8
    assert listing.item_counts()["it is no STAC item"] == 2
    assert sum(listing.item_counts().values()) == 8
    assert all(name.isprintable() and len(name) <= 300 for name in told)
    assert "secret" not in str((listing.missing, listing.not_listed))


def test_a_server_that_sends_fewer_items_than_it_says_has_not_told_all(
    server: StacServer, tmp_path: Path
) -> None:
    page = {"type": "FeatureCollection", "features": server.items[:2], "numberMatched": 5, "links": []}
    server.answers["/search"] = [Answer(page)]
    listing, _ = ask(server, tmp_path)
    assert len(listing.scenes) == 2
    assert not listing.is_whole


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with run_stac_server() as server:
        gone = StacServer(port=server.port)
    with pytest.raises(RetryableError, match="5 times"):
        ask(gone, tmp_path)


def test_an_answer_without_end_is_cut_off(server: StacServer) -> None:
    server.answers["/"] = [Answer(b" " * 5000)]
    query = ArchiveQuery((Source(server.url),))
    pool = urllib3.PoolManager()
    with pytest.raises(RetryableError, match="more than 1000 bytes"):
        Web(allowed_links_of(query), pool=pool, max_bytes=1000).json(server.url)
    pool.clear()
