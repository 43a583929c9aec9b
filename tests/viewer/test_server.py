"""The loopback server: for whoever knows the token, by the right name, and gone at its end."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.viewer import LoopbackServer, open_site, server
from sgddiff_batch.viewer.conversation import Conversation
from tests.viewer.site_examples import SHARD, Asker, served


def viewer_threads():
    return [thread for thread in threading.enumerate() if thread.name == "viewer"]


def test_the_address_has_a_token_that_differs_each_time(shown):
    site = open_site(str(shown / "out"), page=shown / "page")
    with LoopbackServer(site) as one, LoopbackServer(site) as other:
        assert one.url.startswith(f"http://127.0.0.1:{one.server_port}/")
        assert len(one.token) >= 32
        assert one.token != other.token
        assert one.server_port != other.server_port


def test_a_guess_without_the_token_learns_nothing(asker):
    guesses = [
        "/",
        "/config.json",
        "/output/catalogue.parquet",
        f"/{asker.server.token[:-1]}/",
        "/x/",
        "//",
        "/%2e%2e/",
    ]
    replies = [asker.get("", base=guess) for guess in guesses]
    assert {(reply.status, reply.body) for reply in replies} == {
        (404, b'{"error": "there is nothing at this address"}')
    }
    upper = f"/{asker.server.token.swapcase()}/"
    assert asker.get("", base=upper).status == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "evil.example:{port}", "127.0.0.1:1", "", "localhost.evil:{port}"]
)
def test_a_foreign_host_is_refused_though_it_has_the_token(asker, host):
    reply = asker.get("config.json", Host=host.format(port=asker.server.server_port))
    assert reply.status == 403
    assert b"title" not in reply.body


def test_localhost_is_a_name_of_it(asker):
    assert asker.get("config.json", Host=f"localhost:{asker.server.server_port}").status == 200


def test_the_address_without_its_last_slash_leads_on(asker):
    reply = asker.get("", base=f"/{asker.server.token}")
    assert (reply.status, reply.headers["Location"]) == (308, f"/{asker.server.token}/")


def test_it_listens_on_loopback_alone(asker):
    assert asker.server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_a_mistake(shown, asker):
    with pytest.raises(ConfigError, match=f"--port {asker.server.server_port}: it cannot be had"):
        LoopbackServer(open_site(str(shown / "out"), page=shown / "page"), asker.server.server_port)


def test_the_port_of_a_viewer_that_has_ended_can_be_had_at_once(shown):
    site, talks = open_site(str(shown / "out"), page=shown / "page"), []
    with LoopbackServer(site) as first:
        talks.append(opened(Asker(first)))
    with LoopbackServer(site, first.server_port) as second:
        talks.append(opened(Asker(second)))
    for talk in talks:
        talk.close()


def test_a_fault_of_ours_is_told_in_a_line_and_no_connection_of_others_ends(shown, monkeypatch, caplog):
    with served(str(shown / "out"), shown / "page") as asker:
        with monkeypatch.context() as patch:
            patch.setattr(Conversation, "do_HEAD", lambda self: 1 / 0)
            assert asker.say(f"HEAD / HTTP/1.1\r\nHost: {asker.server.names[0]}\r\n\r\n".encode()) == b""
        assert asker.get("config.json").status == 200
    assert caplog.messages == ["a connection ended early: ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_there_is_not_is_a_mistake(shown, port):
    with pytest.raises(ConfigError, match=f"--port {port}: .* no such port"):
        LoopbackServer(open_site(str(shown / "out"), page=shown / "page"), port)


def test_no_thread_and_no_port_is_left_at_the_end(shown):
    before = set(viewer_threads())
    with served(str(shown / "out"), shown / "page") as asker:
        port = asker.server.server_port
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        assert asker.get("config.json").status == 200
    for one in idle:
        one.close()
    assert set(viewer_threads()) <= before  # of which some may be ending
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_many_ask_at_once(asker):
    def ask(number):
        start = number % 5
        reply = asker.get(f"output/{SHARD}", Range=f"bytes={start}-{start}")
        return reply.status, reply.body == b"codes"[start : start + 1]

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(1000))) == {(206, True)}


def test_an_answer_that_hangs_does_not_hold_up_the_end(shown, monkeypatch):
    monkeypatch.setattr(server, "_JOIN_S", 0.1)
    begun, over = threading.Event(), threading.Event()

    def hang(*_):
        begun.set()
        over.wait(30)
        return {}

    with served(str(shown / "out"), shown / "page", explain=hang) as asker:
        path = f"/{asker.server.token}/api/explain?store=a.tif/x.zarr&row=1&col=2"
        talk = socket.create_connection(("127.0.0.1", asker.server.server_port), timeout=30)
        talk.sendall(f"GET {path} HTTP/1.1\r\nHost: {asker.server.names[0]}\r\n\r\n".encode())
        assert begun.wait(30)
    assert not over.is_set()  # the end came before the answer
    over.set()
    talk.close()


def opened(asker, path=""):
    """Open a connection, and have it answered once."""
    talk = socket.create_connection(("127.0.0.1", asker.server.server_port), timeout=30)
    talk.sendall(f"HEAD /{path} HTTP/1.1\r\nHost: {asker.server.names[0]}\r\n\r\n".encode())
    assert talk.recv(4096).startswith(b"HTTP/1.1 ")
    return talk


def test_a_process_that_opens_many_connections_keeps_no_browser_out(shown, monkeypatch):
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 4)
    with served(str(shown / "out"), shown / "page") as asker:
        browser = opened(asker, f"{asker.server.token}/config.json")
        strangers = [opened(asker) for _ in range(4)]
        assert asker.get("config.json").status == 200
        assert strangers[0].recv(100) == b""  # the oldest one had to go
        browser.sendall(f"HEAD / HTTP/1.1\r\nHost: {asker.server.names[0]}\r\n\r\n".encode())
        assert browser.recv(100).startswith(b"HTTP/1.1 404")
        for talk in (browser, *strangers):
            talk.close()


def test_of_too_many_that_know_the_token_the_newest_is_closed(shown, monkeypatch):
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 3)
    with served(str(shown / "out"), shown / "page") as asker:
        talks = [opened(asker, f"{asker.server.token}/") for _ in range(3)]
        assert asker.say(b"") == b""
        talks[0].close()
        for talk in talks[1:]:
            talk.sendall(f"HEAD / HTTP/1.1\r\nHost: {asker.server.names[0]}\r\n\r\n".encode())
            assert talk.recv(100).startswith(b"HTTP/1.1 404")
            talk.close()
