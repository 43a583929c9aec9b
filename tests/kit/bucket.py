"""The program behind :func:`tests.kit.scenes.scripted_bucket`: a bucket that fails when told to."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

_CODES = {403: "AccessDenied", 404: "NoSuchKey", 429: "TooManyRequests", 503: "SlowDown"}
_SPARED_BYTES = 65536


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = Path()

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        with (self.root / "requests.log").open("a") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('Range')}\n")

    def _answer(self, *, with_body: bool) -> None:
        path = self.root / unquote(self.path.partition("?")[0]).lstrip("/")
        first, _, last = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
        words = (self.root / "script.txt").read_text().split()
        if _is_told(words, path, int(first)):
            self._fail(int(words[-1]), with_body)
        elif not path.is_file():
            self._fail(404, with_body)
        else:
            self._send(path.read_bytes(), int(first), last, with_body)

    def _send(self, data: bytes, first: int, last: str, with_body: bool) -> None:
        stop = min(int(last) + 1, len(data)) if last else len(data)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Range", f"bytes {first}-{stop - 1}/{len(data)}")
        self.send_header("Content-Length", str(stop - first))
        self.end_headers()
        if with_body:
            self.wfile.write(data[first:stop])

    def _fail(self, status: int, with_body: bool) -> None:
        code = _CODES.get(status, "Other")
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if with_body else 0))
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _is_told(words: list[str], path: Path, start: int) -> bool:
    """Whether a request has to fail: every one, those past the beginning, or those of a name."""
    if len(words) < 2:
        return bool(words)
    return start >= _SPARED_BYTES if words[0] == "late" else path.name.endswith(words[0])


if __name__ == "__main__":
    _Handler.root = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
