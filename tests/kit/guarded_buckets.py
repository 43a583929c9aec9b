"""Buckets over a folder that mind how they are asked: a program, for GDAL keeps the GIL while it asks.

``public`` refuses whoever signs (with credentials that it does not know), ``paid`` whoever does not sign or
does not say that he pays, and all others whoever does not sign or says that he pays: a leak, or a bill.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_WANTED = {"public": (False, False), "paid": (True, True)}
"""Whether a bucket wants requests signed, and to say who pays."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = Path()

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, body: bytes | None = None) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path).strip("/"), parse_qs(parts.query)
        bucket = path.partition("/")[0]
        asked = ("Authorization" in self.headers, self.headers.get("x-amz-request-payer") == "requester")
        row = {"verb": self.command, "path": path, "signed": asked[0], "pays": asked[1]}
        row["key"] = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        with (self.root / "requests.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")
        if asked != _WANTED.get(bucket, (True, False)):
            self._send(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
        elif body is not None:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(body)
            self._send(200, b"", {"ETag": '"put"'})
        elif "list-type" in query:
            self._send(200, self._listing(bucket, query.get("prefix", [""])[0]))
        else:
            self._object(self.root / path)

    def _object(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        data, asked = path.read_bytes(), self.headers.get("Range")
        headers = {"ETag": f'"{len(data)}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if asked is None:
            self._send(200, data, headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        stop = min(int(last) + 1, len(data)) if last else len(data)
        headers["Content-Range"] = f"bytes {first}-{stop - 1}/{len(data)}"
        self._send(206, data[int(first) : stop], headers)

    def _listing(self, bucket: str, prefix: str) -> bytes:
        folder = self.root / bucket
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        rows = "".join(
            f"<Contents><Key>{escape(str(path.relative_to(folder)))}</Key><Size>{path.stat().st_size}</Size>"
            f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{path.stat().st_size}&quot;</ETag>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for path in files
            if str(path.relative_to(folder)).startswith(prefix)
        )
        return (
            f"<ListBucketResult><Name>{bucket}</Name><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        ).encode()

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def guarded_buckets(folder: Path) -> Iterator[str]:
    """Serve ``folder/<bucket>/<key>``; yield the endpoint. ``folder/requests.jsonl`` has a row a request."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.kit.guarded_buckets", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    _Handler.root = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
