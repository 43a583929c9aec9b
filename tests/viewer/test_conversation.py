"""What a request is answered, whatever it asks for."""

from __future__ import annotations

import random
import socket
from urllib.parse import quote

import pytest

from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.storage import DeniedError
from sgddiff_batch.viewer.conversation import Conversation
from tests.io.catalogue_examples import store_of
from tests.viewer.site_examples import SHARD, add_scene, served

FILE = f"output/{SHARD}"


def test_the_whole_a_part_and_the_headers_alone(asker):
    whole, head, part = asker.get(FILE), asker.get(FILE, "HEAD"), asker.get(FILE, Range="bytes=1-2")
    assert (whole.status, whole.body) == (200, b"codes")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "5")
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"od", "bytes 1-2/5")
    assert whole.headers["ETag"] == head.headers["ETag"] == part.headers["ETag"]
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert asker.get(FILE, "HEAD", Range="bytes=-2").headers["Content-Length"] == "2"


def test_a_broken_range_says_how_long_the_object_is(asker):
    for asked in ("bytes=5-", "bytes=3-1", "bytes=0-1,3-4", "bytes=x"):
        reply = asker.get(FILE, Range=asked)
        assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */5")


def test_conditions_are_kept(asker):
    etag = asker.get(FILE).headers["ETag"]
    same = asker.get(FILE, If_None_Match=f'"x", W/{etag}')
    assert (same.status, same.body) == (304, b"")
    assert asker.get(FILE, If_None_Match='"x"').status == 200
    assert asker.get(FILE, If_Match='"x"').status == 412
    assert asker.get(FILE, If_Match=etag, Range="bytes=0-0").body == b"c"
    assert asker.get(FILE, If_Range='"x"', Range="bytes=0-0").status == 200
    assert asker.get(FILE, If_Range=etag, Range="bytes=0-0").status == 206


def test_every_answer_has_the_headers_of_safety(asker):
    replies = [
        asker.get(""),
        asker.get(FILE),
        asker.get("none"),
        asker.get("", base="/"),
        asker.get("", "POST"),
    ]
    for reply in replies:
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in reply.headers
    assert replies[0].headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "X"])
def test_other_methods_are_refused_and_end_the_conversation(asker, method):
    reply = asker.get("config.json", method)
    assert (reply.status, reply.headers["Allow"], reply.headers["Connection"]) == (405, "GET, HEAD", "close")


@pytest.mark.parametrize(
    "path",
    [
        "output/../page/index.html",
        "output/%2e%2e/page/index.html",
        "output/a.tif/x.zarr/%2e%2e%2f%2e%2e%2fsecret",
        "output//etc/x.zarr/passwd",
        "output/%2fetc%2fx.zarr/passwd",
        "output/a%00/x.zarr/b",
        "output/_ledger/scenes/a.tif.json",
        "output/%5fledger/scenes/a.tif.json",
        "scene/file%3A%2F%2F%2Fetc%2Fpasswd",
        "scene/%2Fetc%2Fpasswd",
        "scene//etc/passwd",
        "../",
        "%",
    ],
)
def test_no_way_leads_out(asker, path):
    assert asker.get(path).status == 404


def test_a_pixel_is_told_as_json_and_a_wrong_one_too(asker, shown):
    reply = asker.get("api/explain?store=a.tif%2Fx.zarr&row=1&col=2")
    assert (reply.status, reply.tree) == (200, {"pixel": [f"{shown / 'out'}/a.tif/x.zarr", 1, 2]})
    assert reply.headers["Content-Type"] == "application/json"
    wrong = asker.get("api/explain?store=a.tif%2Fx.zarr&row=x&col=2")
    assert (wrong.status, wrong.tree["error"]) == (400, "row must be a whole number from 0 on, got 'x'")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (DeniedError("s3://u:secret@b/k: denied"), 502, "s3://b/k: denied"),
        (RetryableError("it is slow"), 503, "it is slow"),
        (FileNotFoundError("no mosaic"), 404, "no mosaic"),
        (ValueError("an area\nmosaic"), 400, "an area mosaic"),
        (ZeroDivisionError("a bug"), 500, "a bug"),
    ],
)
def test_what_cannot_be_had_is_told_by_status_and_words(shown, error, status, said):
    def fail(*_):
        raise error

    with served(str(shown / "out"), shown / "page", explain=fail) as asker:
        reply = asker.get("api/explain?store=a.tif%2Fx.zarr&row=1&col=2")
        assert (reply.status, reply.tree) == (status, {"error": said})
        assert asker.get("config.json").status == 200


def head(asker, path="config.json"):
    return f"GET /{asker.server.token}/{path} HTTP/1.1\r\nHost: {asker.server.names[0]}\r\n"


def test_huge_and_many_headers_are_refused(asker):
    start = head(asker)
    assert b" 431 " in asker.say(f"{start}X: {'x' * 70000}\r\n\r\n".encode())[:20]
    assert b" 431 " in asker.say((start + "X: 1\r\n" * 200 + "\r\n").encode())[:20]
    assert b" 414 " in asker.say(b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n")[:20]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\0\xff\xfe\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbroken header\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_no_traceback(asker, data, capfd):
    assert b"title" not in asker.say(data)
    assert asker.get("config.json").status == 200
    assert capfd.readouterr().err == ""


def test_requests_with_broken_bytes_neither_end_the_server_nor_get_at_anything(asker, capfd):
    drawn = random.Random(7)
    whole = f"{head(asker, FILE)}Range: bytes=0-1\r\nAccept: */*\r\n\r\n".encode()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(drawn.randint(1, 6)):
            data[drawn.randrange(len(data))] = drawn.randrange(256)
        said = asker.say(bytes(data))
        assert b"title" not in said
        # What is no HTTP of today is answered without a status.
        assert said[:9] != b"HTTP/1.1 " or 200 <= int(said[9:12]) < 500
    assert asker.get(FILE).status == 200
    assert capfd.readouterr().err == ""


def test_two_hosts_are_refused(asker):
    said = asker.say(f"{head(asker)}Host: evil.example\r\nConnection: close\r\n\r\n".encode())
    assert b" 403 " in said[:20]


def test_a_body_is_never_taken_for_the_next_request(asker):
    inner = f"{head(asker)}\r\n"
    said = asker.say(f"{head(asker)}Content-Length: {len(inner)}\r\n\r\n{inner}".encode())
    assert said.count(b"HTTP/1.1 ") == 1
    chunked = asker.say(f"{head(asker)}Transfer-Encoding: chunked\r\n\r\n{inner}".encode())
    assert chunked.count(b"HTTP/1.1 ") == 1


def test_a_conversation_goes_on_after_an_answer(asker):
    said = asker.say(
        (f"{head(asker)}\r\n{head(asker, 'none')}\r\n{head(asker)}Connection: close\r\n\r\n").encode()
    )
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_a_reader_that_breaks_off_leaves_no_traceback(tmp_path, page, capfd):
    output = tmp_path / "out"
    add_scene(str(output), "a.tif", "s3://archive/a.tif")
    (output / SHARD).write_bytes(bytes(2**25))
    with served(str(output), page) as asker:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", asker.server.server_port)) as talk:
                talk.sendall(f"{head(asker, FILE)}\r\n".encode())
                talk.recv(10)
        assert asker.get(FILE, Range="bytes=-1").body == b"\0"
    assert capfd.readouterr().err == ""


def test_a_mosaic_that_is_removed_is_not_there_and_the_server_goes_on(tmp_path, page):
    output = tmp_path / "out"
    add_scene(str(output), "a.tif", "s3://archive/a.tif")
    with served(str(output), page) as asker:
        assert asker.get(FILE).body == b"codes"
        (output / SHARD).unlink()
        assert asker.get(FILE).status == 404
        assert asker.get(FILE, Range="bytes=0-1").status == 404
        assert asker.get("config.json").status == 200


def test_an_empty_object_has_no_body_and_no_range(tmp_path, page):
    output = tmp_path / "out"
    add_scene(str(output), "a.tif", "s3://archive/a.tif")
    (output / SHARD).write_bytes(b"")
    with served(str(output), page) as asker:
        assert (asker.get(FILE).status, asker.get(FILE).body) == (200, b"")
        assert asker.get(FILE, Range="bytes=0-").status == 416


def test_odd_names_are_found_as_the_page_asks_for_them(tmp_path, page):
    output, name = tmp_path / "out", "we?ird #%41 é&=+.tif"
    add_scene(str(output), name, str(tmp_path / name))
    (tmp_path / name).write_bytes(b"II*")
    with served(str(output), page) as asker:
        assert asker.get(f"output/{quote(store_of(name))}/zarr.json").status == 200
        assert asker.get(f"scene/{quote(str(tmp_path / name), safe='')}").body == b"II*"


def test_the_end_of_an_object_of_many_gigabytes_is_read_alone(tmp_path, page):
    output = tmp_path / "out"
    add_scene(str(output), "a.tif", "s3://archive/a.tif")
    with (output / SHARD).open("r+b") as file:
        file.truncate(2**40)
    with served(str(output), page) as asker:
        reply = asker.get(FILE, Range="bytes=-2")
        assert (reply.body, reply.headers["Content-Range"]) == (
            b"\0\0",
            f"bytes {2**40 - 2}-{2**40 - 1}/{2**40}",
        )
        assert asker.get(FILE, "HEAD").headers["Content-Length"] == str(2**40)


def test_a_damaged_catalogue_is_told_and_what_does_not_need_it_goes_on(tmp_path, page):
    output, scene = tmp_path / "out", tmp_path / "a.tif"
    scene.write_bytes(b"II*")
    add_scene(str(output), "a.tif", str(scene))
    with served(str(output), page) as asker:
        (output / "_catalogue" / "current.json").write_text("{")
        reply = asker.get(f"scene/{quote(str(scene), safe='')}")
        assert (reply.status, "is damaged" in reply.tree["error"]) == (500, True)
        assert asker.get(FILE).body == b"codes"


def test_who_says_nothing_and_who_does_not_know_the_token_are_left_soon(shown, monkeypatch):
    monkeypatch.setattr(Conversation, "timeout", 0.2)
    with served(str(shown / "out"), shown / "page") as asker:
        with socket.create_connection(("127.0.0.1", asker.server.server_port), timeout=30) as talk:
            talk.sendall(b"GET / HT")
            assert talk.recv(100) == b""
        with socket.create_connection(("127.0.0.1", asker.server.server_port), timeout=30) as talk:
            talk.sendall(f"{head(asker, FILE)}\r\n".encode())
            assert talk.recv(4096).startswith(b"HTTP/1.1 200")
            (there,) = asker.server._known  # the other may not have been forgotten yet
            assert there.gettimeout() == 60
