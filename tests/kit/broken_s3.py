"""A small S3 on loopback that breaks by script: what no real server can be made to do.

Run as a program (``python broken_s3.py FOLDER``) this module is the server: objects are files below
``FOLDER/data/<bucket>/<key>``. It is a process of its own because rasterio keeps the GIL while it opens.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_CODES = {
    400: "ExpiredToken", 403: "AccessDenied", 404: "NoSuchKey", 409: "OperationAborted",
    412: "PreconditionFailed", 429: "TooManyRequests", 500: "InternalError", 503: "SlowDown",
}  # fmt: skip
_PAGE = 3
_HANG_S = 600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Breaks requests: an operation (GET, HEAD, PUT, DELETE, LIST), a glob of bucket/key, and how.

    ``calls`` are the matching calls that break, counted from 1; None: all. ``from_byte``: only ranges that
    begin there or later. ``fault``: a status ("503"); "code NAME" (403 with that code); "region NAME" (a
    redirect, unless it is signed for that region); "reset"; "cut" (half of the body); "hang"; "slow" (a body
    in drops); "lost" (done, and the reply is lost); "swap" (from now on the object is the file ``swap`` of
    the folder).
    """

    operation: str
    key: str
    fault: str
    calls: Sequence[int] | None = (1,)
    from_byte: int = 0


@dataclass(frozen=True, slots=True)
class BrokenS3:
    """The running server: its endpoint, its objects, its script, and what it was asked for."""

    endpoint: str
    folder: Path

    def object(self, path: str) -> Path:
        """Return the file of bucket/key, its folder made."""
        file = self.folder / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def script(self, *rules: Rule) -> None:
        """Replace the script, and count from 1 again."""
        temporary = self.folder / "script.new"
        temporary.write_text(json.dumps([asdict(rule) for rule in rules], default=list))
        temporary.replace(self.folder / "script.json")
        (self.folder / "requests.log").write_text("")

    def requests(self) -> Counter[str]:
        """Count the requests since the last script, as "GET bucket/key"."""
        return Counter((self.folder / "requests.log").read_text().splitlines())

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test-access",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def run_broken_s3(folder: Path) -> Iterator[BrokenS3]:
    """Run a server over ``folder`` until the context ends."""
    command = [sys.executable, __file__, str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ), text=True)
    try:
        assert server.stdout is not None
        broken = BrokenS3(f"http://127.0.0.1:{int(server.stdout.readline())}", folder)
        broken.script()
        yield broken
    finally:
        server.kill()
        server.communicate()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = Path()
    lock = threading.Lock()
    counts: ClassVar[Counter[tuple[float, int]]] = Counter()

    def do_HEAD(self) -> None:
        self._serve("HEAD")

    def do_GET(self) -> None:
        self._serve("LIST" if "list-type" in self._query() else "GET")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def do_POST(self) -> None:
        self._serve("DELETE_MANY")

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def _serve(self, operation: str) -> None:
        body = self._body()
        name = unquote(urlsplit(self.path).path).lstrip("/")
        if operation == "LIST":
            name = f"{name.rstrip('/')}/{self._query().get('prefix', [''])[0]}"
        fault = self._fault(operation, name)
        if fault == "swap":
            (self.root / "data" / name).write_bytes((self.root / "swap").read_bytes())
        if fault == "hang":
            time.sleep(_HANG_S)
        if fault == "reset":
            self._reset()
        elif fault.isdigit():
            self._error(int(fault), _CODES[int(fault)])
        elif fault.startswith("code "):
            self._error(403, fault.removeprefix("code "))
        elif fault.startswith("region ") and f"/{fault[7:]}/s3/" not in self.headers["Authorization"]:
            self._error(301, "PermanentRedirect", fault)
        else:
            getattr(self, f"_{operation.lower()}")(name, body, fault)

    def _fault(self, operation: str, name: str) -> str:
        first = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0] or 0)
        with self.lock:
            with (self.root / "requests.log").open("a") as log:
                log.write(f"{operation} {name}\n")
            script = self.root / "script.json"
            stamp = script.stat().st_mtime_ns
            for number, rule in enumerate(json.loads(script.read_text())):
                matches = rule["operation"] == operation and fnmatch.fnmatchcase(name, rule["key"])
                if not matches or first < rule["from_byte"]:
                    continue
                self.counts[stamp, number] += 1
                if rule["calls"] is None or self.counts[stamp, number] in rule["calls"]:
                    return str(rule["fault"])
        return ""

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" not in (self.headers.get("Content-Encoding") or ""):
            return body
        data = b""
        while body:
            head, _, body = body.partition(b"\r\n")
            size = int(head.partition(b";")[0] or b"0", 16)
            if not size:
                break
            data, body = data + body[:size], body[size + 2 :]
        return data

    def _get(self, name: str, _body: bytes, fault: str) -> None:
        file = self.root / "data" / name
        if not file.is_file():
            return self._error(404, "NoSuchKey" if file.parent.exists() else "NoSuchBucket")
        data = file.read_bytes()
        asked = self.headers.get("Range")
        first, _, last = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(data) - int(last))
        stop = min(int(last) + 1, len(data)) if first and last else len(data)
        if start >= len(data) and asked:
            return self._error(416, "InvalidRange")
        headers = {"ETag": _etag(data), "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        if asked:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        self._answer(206 if asked else 200, data[start:stop], headers, fault)

    def _head(self, name: str, _body: bytes, fault: str) -> None:
        if "/" in name.rstrip("/"):
            self._get(name, b"", fault)
        else:
            self._answer(200 if (self.root / "data" / name).is_dir() else 404, b"", {}, fault)

    def _put(self, name: str, body: bytes, fault: str) -> None:
        file = self.root / "data" / name
        with self.lock:
            found = _etag(file.read_bytes()) if file.is_file() else None
            if self.headers.get("If-None-Match") == "*" and found is not None:
                return self._error(412, "PreconditionFailed")
            if self.headers.get("If-Match") not in (None, found):
                return self._error(412, "PreconditionFailed")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
        self._answer(200, b"", {"ETag": _etag(body)}, fault)

    def _delete(self, name: str, _body: bytes, fault: str) -> None:
        (self.root / "data" / name).unlink(missing_ok=True)
        self._answer(204, b"", {}, fault)

    def _delete_many(self, name: str, body: bytes, fault: str) -> None:
        for part in body.decode().split("<Key>")[1:]:
            file = self.root / "data" / name.rstrip("/") / part.partition("</Key>")[0]
            if file.is_file():
                file.unlink()
        self._answer(200, b"<DeleteResult></DeleteResult>", {}, fault)

    def _list(self, name: str, _body: bytes, fault: str) -> None:
        bucket, _, prefix = name.partition("/")
        root, query = self.root / "data" / bucket, self._query()
        if not root.is_dir():
            return self._error(404, "NoSuchBucket")
        keys = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        page, delimiter = keys[:_PAGE], query.get("delimiter", [""])[0]
        below = {key: key[len(prefix) :] for key in page}
        folders = sorted(
            {prefix + rest.split(delimiter)[0] + delimiter for rest in below.values() if delimiter in rest}
            if delimiter
            else set()
        )
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{(root / key).stat().st_size}</Size>"
            f"<ETag>{escape(_etag((root / key).read_bytes()))}</ETag>"
            "<LastModified>2024-01-01T00:00:00Z</LastModified></Contents>"
            for key in page
            if not delimiter or delimiter not in below[key]
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if keys[_PAGE:] else ""
        prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in folders)
        body = (
            f"<ListBucketResult><Name>{bucket}</Name><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{contents}{prefixes}</ListBucketResult>"
        )
        self._answer(200, body.encode(), {}, fault)

    def _error(self, status: int, code: str, fault: str = "") -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}!</Message></Error>".encode()
        self._answer(status, body, {}, fault)

    def _answer(self, status: int, body: bytes, headers: dict[str, Any], fault: str) -> None:
        if fault == "lost":
            return self._reset()
        if fault.startswith("region "):
            headers = {**headers, "x-amz-bucket-region": fault[7:]}
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "HEAD" or status == 204:
            return
        if fault == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif fault == "slow":
            for start in range(0, len(body), max(1, len(body) // 8)):
                self.wfile.write(body[start : start + max(1, len(body) // 8)])
                time.sleep(0.1)
        else:
            self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went."""


if __name__ == "__main__":
    _Handler.root = Path(sys.argv[1])
    server = _Server(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
