"""Headers of private STAC APIs: sent to their own host alone, and shown nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.sources.listing import Listing, list_archive
from sgddiff_batch.io.stac.allowed_links import allowed_links_of
from sgddiff_batch.io.stac.headers import read_headers
from sgddiff_batch.io.stac.http import Web
from tests.kit.stac import make_item
from tests.kit.stac_server import Answer, StacServer, run_stac_server

SECRET = "s3cr3t-of-the-api"
NAMED = (("Authorization", "STAC_AUTHORIZATION"), ("X-Api-Key", "STAC_KEY"))
ENVIRONMENT = {"STAC_AUTHORIZATION": f"Bearer {SECRET}\n", "STAC_KEY": "key-7d1f9a"}
SENT = {"authorization": f"Bearer {SECRET}", "x-api-key": "key-7d1f9a"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StacServer]:
    files = [tmp_path / f"{name}.tif" for name in "abc"]
    for path in files:
        path.write_bytes(b"x")
    with run_stac_server([make_item(path.stem, f"file://{path}") for path in files]) as running:
        running.wanted = SENT
        yield running


@pytest.fixture
def other() -> Iterator[StacServer]:
    with run_stac_server() as running:
        yield running


def query_of(server: StacServer, folder: Path, *hosts: str, named=NAMED) -> ArchiveQuery:
    source = Source(f"{server.url}/", headers_from_env=named)
    return ArchiveQuery((source,), hosts=hosts, folders=(str(folder),))


def ask(query: ArchiveQuery) -> Listing:
    pool = urllib3.PoolManager()
    try:
        headers = read_headers(query, ENVIRONMENT)
        return list_archive(query, web=Web(allowed_links_of(query), headers, pool=pool, sleep=lambda _: None))
    finally:
        pool.clear()


@pytest.mark.parametrize("by_post", [False, True])
def test_a_private_api_is_sent_the_headers_with_every_page(
    server: StacServer, tmp_path: Path, by_post: bool
) -> None:
    server.by_post = by_post
    assert len(ask(query_of(server, tmp_path)).scenes) == 3
    assert len(server.received) == 3
    assert all(SENT.items() <= headers.items() for headers in server.received)


def test_the_environment_of_the_process_is_read(
    server: StacServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert len(list_archive(query_of(server, tmp_path)).scenes) == 3


def test_who_is_denied_is_told_in_a_line_what_to_look_at(server: StacServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"denies it \(401\); .*headers_from_env") as refusal:
        ask(query_of(server, tmp_path, named=()))
    server.wanted = {"authorization": "Bearer another"}
    with pytest.raises(ConfigError, match=r"denies it \(401\); .*: Authorization, X-Api-Key; check") as known:
        ask(query_of(server, tmp_path))
    assert SECRET not in f"{refusal.value} {known.value}"
    assert len(server.requests) == 2, "who is denied is not asked again"


def test_another_host_that_a_page_links_to_is_sent_none(
    server: StacServer, other: StacServer, tmp_path: Path
) -> None:
    last = {"features": [], "links": []}
    other.answers["/p"] = [Answer(last)]
    page = {"features": [], "links": [{"rel": "next", "href": f"{other.url}/p"}]}
    server.answers["/search"] = [Answer(page)]
    assert ask(query_of(server, tmp_path, other.url)).scenes == ()
    assert len(other.received) == 1
    assert not SENT.keys() & other.received[0].keys()


def test_another_host_that_a_redirect_leads_to_is_sent_none_and_the_own_one_again(
    server: StacServer, other: StacServer, tmp_path: Path
) -> None:
    server.answers["/search"] = [Answer(status=307, headers={"Location": f"{other.url}/there"})]
    other.answers["/there"] = [Answer(status=302, headers={"Location": f"{server.url}/back"})]
    server.answers["/back"] = [Answer({"features": [], "links": []})]
    assert ask(query_of(server, tmp_path, other.url)).scenes == ()
    assert not SENT.keys() & other.received[0].keys()
    assert server.received[-1].items() >= SENT.items()


def test_the_same_name_with_another_port_is_another_host(server: StacServer, other: StacServer) -> None:
    headers = read_headers(query_of(server, Path("/")), ENVIRONMENT)
    assert headers.of(f"{server.url}/x?y#z").keys() == {"Authorization", "X-Api-Key"}
    for url in (other.url, server.url.replace("http:", "https:"), f"http://localhost:{server.port}", "x", ""):
        assert headers.of(url) == {}


def test_a_server_that_repeats_the_secret_does_not_bring_it_into_the_log(
    server: StacServer, tmp_path: Path
) -> None:
    server.answers["/search"] = [Answer(f"no {SECRET}, nor Bearer {SECRET}, nor key-7d1f9a".encode(), 400)]
    with pytest.raises(ConfigError, match=r"400: no \*\*\*, nor \*\*\*, nor \*\*\*"):
        ask(query_of(server, tmp_path))
    server.answers["/search"] = [Answer(b"x" * 490 + SECRET.encode(), 404)]
    with pytest.raises(ConfigError, match="404") as refusal:
        ask(query_of(server, tmp_path))
    assert "s3cr3t" not in str(refusal.value), "half of it"


def test_what_holds_the_secret_does_not_show_it(server: StacServer, tmp_path: Path) -> None:
    query = query_of(server, tmp_path)
    web = Web(allowed_links_of(query), read_headers(query, ENVIRONMENT))
    assert SECRET not in f"{web!r} {query!r} {web.headers}"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "is not set"), ("", "is empty"), (" \n", "is empty"), ("a\r\nX-Evil: b", "line feeds"),
     ("Bär3r", "beyond ASCII"), ("a\x00b", "line feeds")],
)  # fmt: skip
def test_a_variable_without_a_usable_value_is_refused_before_any_request(
    server: StacServer, tmp_path: Path, value: str | None, words: str
) -> None:
    environment = {**ENVIRONMENT, "STAC_KEY": value} if value is not None else {"STAC_AUTHORIZATION": SECRET}
    with pytest.raises(ConfigError, match=words) as refusal:
        read_headers(query_of(server, tmp_path), environment)
    assert "of X-Api-Key" in str(refusal.value)
    assert "STAC_KEY" not in str(refusal.value), "somebody may have written the secret in its place"
    assert "Evil" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_two_sets_of_headers_for_one_host_are_refused() -> None:
    sources = tuple(
        Source(f"https://h/{path}", headers_from_env=(("Authorization", name),))
        for path, name in (("a", "ONE"), ("b", "TWO"))
    )
    with pytest.raises(ConfigError, match="name different headers_from_env"):
        read_headers(ArchiveQuery(sources), {"ONE": "1", "TWO": "2"})


def test_headers_that_go_unencrypted_through_a_network_are_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    for url, warned in (("http://127.0.0.1:8/x", False), ("https://h/x", False), ("http://h/x", True)):
        caplog.clear()
        read_headers(ArchiveQuery((Source(url, headers_from_env=NAMED),)), ENVIRONMENT)
        assert ("unencrypted" in caplog.text) == warned
        assert SECRET not in caplog.text
