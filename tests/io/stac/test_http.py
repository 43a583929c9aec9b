"""The web: one JSON document of a host that is named, within bounds of size, time, tries and redirects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.stac.allowed_links import AllowedLinks, allowed_links_of
from sgddiff_batch.io.stac.http import BadDocumentError, Web, followed, parse_document
from tests.kit.stac_server import Answer, StacServer, run_stac_server

OPEN = AllowedLinks(frozenset({"https://host:443"}))
MakeWeb = Callable[..., Web]


@pytest.fixture
def server() -> Iterator[StacServer]:
    with run_stac_server() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """How long was waited, instead of waiting."""
    return []


@pytest.fixture
def make_web(server: StacServer, waits: list[float]) -> Iterator[MakeWeb]:
    """What asks the server, and it alone."""
    pool = urllib3.PoolManager()
    allowed = allowed_links_of(ArchiveQuery((Source(server.url),)))

    def make(**more: Any) -> Web:
        return Web(allowed, pool=pool, sleep=waits.append, **more)

    yield make
    pool.clear()


def test_a_document_comes_with_its_address(server: StacServer, make_web: MakeWeb) -> None:
    server.answers["/a"] = [Answer({"x": [1, "é"]})]
    assert make_web().json(f"{server.url}/a", fields={"q": "1 2"}) == (f"{server.url}/a", {"x": [1, "é"]})
    assert server.requests == [("GET", "/a", {"q": "1 2"}, None)]
    assert "application/json" in server.received[0]["accept"]


def test_a_body_makes_it_a_post(server: StacServer, make_web: MakeWeb) -> None:
    server.answers["/a"] = [Answer([])]
    assert make_web().json(f"{server.url}/a", fields={"q": "1"}, body={"limit": 5})[1] == []
    assert server.requests == [("POST", "/a", {}, {"limit": 5})]


class TestTries:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_what_passes_is_asked_again_after_longer_and_longer_pauses(
        self, server: StacServer, make_web: MakeWeb, waits: list[float], status: int
    ) -> None:
        server.answers["/a"] = [Answer(status=status), Answer(status=status), Answer(7)]
        assert make_web().json(f"{server.url}/a")[1] == 7
        assert 0 < waits[0] < waits[1]

    def test_a_server_says_how_long_to_wait_but_not_for_ever(
        self, server: StacServer, make_web: MakeWeb, waits: list[float]
    ) -> None:
        seconds = ["9", "99999", "soon", "-1", "1e3"]
        asks = [Answer(status=503, headers={"Retry-After": one}) for one in seconds]
        server.answers["/a"] = [*asks, Answer(7)]
        assert make_web(attempts=6).json(f"{server.url}/a")[1] == 7
        assert 6 < waits[0] < 12
        assert 20 < waits[1] < 40
        assert waits[2] < 10

    def test_it_ends_and_says_how_often_it_was_asked(
        self, server: StacServer, make_web: MakeWeb, waits: list[float]
    ) -> None:
        server.answers["/a"] = [Answer(status=503)]
        with pytest.raises(RetryableError, match="/a: the server answers 503, 3 times"):
            make_web(attempts=3).json(f"{server.url}/a?sig=SECRET")
        assert (len(server.requests), len(waits)) == (3, 2)

    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (Answer(status=401), ConfigError, r"denies it \(401\); if it wants a token"),
            (Answer(b"no\nsu\x1bch", status=404), ConfigError, r"the server answers 404: no such"),
            (Answer(b"x" * 9999, status=418), ConfigError, "x{500}$"),
            (Answer(status=204), RetryableError, "answers 204"),
            (Answer(b"<html>"), BadDocumentError, "it is no JSON document"),
        ],
    )
    def test_what_does_not_pass_is_asked_once_and_told_in_a_line(
        self,
        server: StacServer,
        make_web: MakeWeb,
        waits: list[float],
        answer: Answer,
        error: type[Exception],
        words: str,
    ) -> None:
        server.answers["/a"] = [answer]
        with pytest.raises(error, match=words) as refusal:
            make_web().json(f"{server.url}/a?sig=SECRET")
        assert str(refusal.value).isprintable()
        assert "SECRET" not in str(refusal.value)
        assert (len(server.requests), waits) == (1, [])


class TestBounds:
    def test_an_answer_without_end_is_cut_off(self, server: StacServer, make_web: MakeWeb) -> None:
        server.answers["/a"] = [Answer(b" " * 5000)]
        with pytest.raises(RetryableError, match="more than 1000 bytes"):
            make_web(max_bytes=1000).json(f"{server.url}/a")
        assert len(server.requests) == 1

    def test_an_answer_that_takes_too_long_is_asked_for_again(
        self, server: StacServer, make_web: MakeWeb, waits: list[float]
    ) -> None:
        server.answers["/a"] = [Answer(7)]
        with pytest.raises(RetryableError, match="the answer took longer than -1 s, 2 times"):
            make_web(deadline_s=-1.0, attempts=2).json(f"{server.url}/a")
        assert len(waits) == 1


class TestRedirects:
    def test_they_are_followed_and_the_query_is_theirs(self, server: StacServer, make_web: MakeWeb) -> None:
        server.answers["/a"] = [Answer(status=302, headers={"Location": "b?x=1#top"})]
        server.answers["/b"] = [Answer(7)]
        assert make_web().json(f"{server.url}/a", fields={"q": "1"}) == (f"{server.url}/b?x=1", 7)
        assert [query for _, _, query, _ in server.requests] == [{"q": "1"}, {"x": "1"}]

    def test_one_to_a_host_that_is_not_named_is_refused_before_it_is_asked(
        self, server: StacServer, make_web: MakeWeb
    ) -> None:
        with run_stac_server() as other:
            server.answers["/a"] = [Answer(status=307, headers={"Location": f"{other.url}/a"})]
            with pytest.raises(ConfigError, match=r"which archive\.allow_hosts does not name"):
                make_web().json(f"{server.url}/a")
            assert other.requests == []

    def test_circles_end(self, server: StacServer, make_web: MakeWeb) -> None:
        server.answers["/a"] = [Answer(status=301, headers={"Location": "/a"})]
        with pytest.raises(RetryableError, match="/a: more than 5 redirects"):
            make_web().json(f"{server.url}/a")
        assert len(server.requests) == 6


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 200_000, b"1 2", b"'a'"])
def test_what_is_no_json_is_told_with_its_place(content: bytes) -> None:
    with pytest.raises(BadDocumentError, match=r"^at a: it is no JSON document \("):
        parse_document(content, "at a")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("s3://bucket/a.json", "leads to 's3://bucket/a.json', which is no web address"),
        ("https://other/a", "leads to https://other:443, which archive.allow_hosts does not name"),
        (None, "it has a link without an href"),
        ("https://user:SECRET@host/a", "is no usable URL"),
    ],
)
def test_a_link_is_followed_on_the_web_alone_and_where_it_may_lead(link: object, words: str) -> None:
    assert followed(OPEN, "../b?x=1", "https://host/c/a") == "https://host/b?x=1"
    with pytest.raises(ConfigError, match=r"^https://host/c/a: ") as refusal:
        followed(OPEN, link, "https://host/c/a?sig=SECRET")
    assert words in str(refusal.value)
    assert "SECRET" not in str(refusal.value)
