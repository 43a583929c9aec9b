"""Files on loopback by HTTP, with ranges: what a bucket or a web server is to a page."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class FileServer:
    """What is served: folders by the first part of the address, and single documents by the whole of it;
    ``every`` has one for all addresses that begin so.

    ``log`` has (method, path, status, bytes) of each answer. ``policy`` goes along with every answer.
    ``shared``: pages of other origins may read it, by requests that need no leave beforehand.
    """

    folders: dict[str, Path]
    documents: dict[str, bytes] = field(default_factory=dict)
    every: dict[str, bytes] = field(default_factory=dict)
    policy: str = ""
    shared: bool = False
    log: list[tuple[str, str, int, int]] = field(default_factory=list)
    address: str = ""

    def found(self, path: str) -> bytes | None:
        """Return what lies at a path, or None."""
        if path in self.documents:
            return self.documents[path]
        for beginning, document in self.every.items():
            if path.startswith(beginning):
                return document
        first, _, rest = path.lstrip("/").partition("/")
        root = self.folders.get(first)
        if root is None:
            return None
        file = (root / (rest or "index.html")).resolve()
        return file.read_bytes() if file.is_relative_to(root.resolve()) and file.is_file() else None


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """Serve on a free port of loopback; ``address`` says where."""

    class Handler(_Handler):
        served = server

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        server.address = f"http://127.0.0.1:{http.server_address[1]}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: FileServer

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        whole = self.served.found(path)
        start, stop = (0, 0) if whole is None else _range(self.headers.get("Range"), len(whole))
        body = b"" if whole is None else whole[start:stop]
        status = 404 if whole is None else 206 if "Range" in self.headers else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", guess_type(path)[0] or "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        if status == 206 and whole is not None:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(whole)}")
        if self.served.policy:
            self.send_header("Content-Security-Policy", self.served.policy)
        if self.served.shared:
            self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        if with_body:
            self.wfile.write(body)
        self.served.log.append((self.command, path, status, len(body) if with_body else 0))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: ``log`` tells."""


def _range(header: str | None, size: int) -> tuple[int, int]:
    """Return [start, stop) of what a Range header asks for; all of it, if there is none."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if match is None:
        return 0, size
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
