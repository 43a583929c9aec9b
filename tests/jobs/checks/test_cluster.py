from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata

import pytest

from jobs.checks.cluster import check_dashboard, check_ray, needs_ray, parse_address, read_token

RAY = metadata.version("ray")


@contextmanager
def dashboard(body, token=None):
    """Yield the address of a server that answers as a dashboard does, to those with the token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = token is None or self.headers.get("Authorization") == f"Bearer {token}"
            self.send_response(200 if allowed else 401)
            self.end_headers()
            self.wfile.write(body.encode() if allowed and self.path == "/api/version" else b"no")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


VERSION = f'{{"version": "4", "ray_version": "{RAY}"}}'


def test_ray_is_looked_at_where_it_is_wanted():
    assert needs_ray("ray", {})
    assert needs_ray("local", {"RAY_ADDRESS": "http://127.0.0.1:8265"})
    assert not needs_ray("local", {})


def test_without_an_address_a_cluster_of_our_own_will_do():
    assert [check.state for check in check_ray({})] == ["ok"]
    assert [check.state for check in check_ray({"RAY_ADDRESS": "auto"})] == ["note"]


def test_a_dashboard_of_our_version_is_sound():
    with dashboard(VERSION) as url:
        assert [check.state for check in check_ray({"RAY_ADDRESS": url})] == ["ok"]


def test_a_dashboard_of_another_version_fails():
    with dashboard('{"ray_version": "2.9.3"}') as url:
        [check] = check_ray({"RAY_ADDRESS": url})
    assert check.state == "failed"
    assert "2.9.3" in check.found
    assert RAY in check.found


def test_a_token_is_sent_and_one_that_is_missing_is_told_of(tmp_path):
    (tmp_path / "token").write_text("secret-token\n")
    with dashboard(VERSION, token="secret-token") as url:
        assert check_dashboard(url, RAY, "secret-token", is_must=True).state == "ok"
        assert [
            c.state for c in check_ray({"RAY_ADDRESS": url, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")})
        ] == ["ok"]
        refused = check_dashboard(url, RAY, "wrong-token", is_must=True)
    assert refused.state == "failed"
    assert "RAY_AUTH_TOKEN" in refused.mend
    assert "wrong-token" not in f"{refused.found}{refused.mend}"


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", "null"])
def test_what_is_no_dashboard_fails_where_it_is_a_must_and_is_a_note_where_not(body):
    with dashboard(body) as url:
        assert check_dashboard(url, RAY, None, is_must=True).state == "failed"
        assert check_dashboard(url, RAY, None, is_must=False).state == "note"


def test_a_head_that_does_not_answer_fails():
    with dashboard(VERSION) as url:
        port = url.rpartition(":")[2]
        head, _ = check_ray({"RAY_ADDRESS": f"127.0.0.1:{port}"})
        assert head.state == "ok"
    head, board = check_ray({"RAY_ADDRESS": f"127.0.0.1:{port}"})
    assert head.state == "failed"
    assert "RAY_ADDRESS" in head.mend
    assert board.what == "dashboard"


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("head:6379", ("head", 6379, False)),
        ("head", ("head", 6379, False)),
        ("ray://head:10001", ("head", 10001, False)),
        ("[::1]:6379", ("::1", 6379, False)),
        ("http://head", ("head", 8265, True)),
        ("https://head:443/", ("head", 443, True)),
    ],
)
def test_an_address_is_a_head_s_or_a_dashboard_s(address, parsed):
    assert parse_address(address) == parsed


def test_a_token_that_cannot_be_read_is_none(tmp_path):
    assert read_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "typo")}) is None
    assert read_token({"RAY_AUTH_TOKEN": "a", "RAY_AUTH_TOKEN_PATH": "b"}) == "a"
