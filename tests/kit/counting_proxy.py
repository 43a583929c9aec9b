"""A proxy before an S3 server that changes no byte and counts the requests that pass, whoever made them.

Counting the calls of a client does not see what its libraries add: retries, redirects, requests of GDAL.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.kit.counting import Counts

_PIECE = 65_536


def kind_of(method: str, target: str) -> tuple[str, str]:
    """Return what S3 charges a request as (LIST is a GET of a bucket), and the key or prefix named."""
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    key = unquote(parts.path).lstrip("/").partition("/")[2]
    if method == "GET" and ("list-type" in query or not key):
        return "LIST", query.get("prefix", [""])[0]
    return method, key


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream, self.counts = upstream, Counts()


class _Connection(socketserver.StreamRequestHandler):
    """One connection of a client, and one to the server: answers are copied, requests counted as well."""

    server: _Server
    disable_nagle_algorithm = True
    _METHODS: ClassVar[frozenset[bytes]] = frozenset((b"GET", b"HEAD", b"PUT", b"POST", b"DELETE"))

    def handle(self) -> None:
        with socket.create_connection(self.server.upstream) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = threading.Thread(target=self._copy_answers, args=(server,), daemon=True)
            answers.start()
            with suppress(OSError):
                while self._pass_request(server):
                    pass
                server.shutdown(socket.SHUT_WR)
            answers.join()

    def _copy_answers(self, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := server.recv(_PIECE):
                self.connection.sendall(piece)
            self.connection.shutdown(socket.SHUT_RDWR)

    def _pass_request(self, server: socket.socket) -> bool:
        """Count and pass one request; False at the end of the connection."""
        head = [self.rfile.readline()]
        if not head[0]:
            return False
        method, target, _ = head[0].split(b" ", 2)
        if method not in self._METHODS:
            raise ValueError(f"no request of S3: {head[0]!r}")
        while head[-1] not in (b"\r\n", b""):
            head.append(self.rfile.readline())
        self.server.counts.add(*kind_of(method.decode(), target.decode()))
        server.sendall(b"".join(head))
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head)}
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            _pass_chunks(self.rfile, server)
        else:
            _pass_bytes(self.rfile, server, int(fields.get(b"content-length", 0)))
        return True


def _pass_bytes(source: BufferedIOBase, server: socket.socket, count: int) -> None:
    while count and (piece := source.read(min(count, _PIECE))):
        server.sendall(piece)
        count -= len(piece)


def _pass_chunks(source: BufferedIOBase, server: socket.socket) -> None:
    size = 1
    while size:
        line = source.readline()
        size = int(line.partition(b";")[0], 16)
        server.sendall(line)
        _pass_bytes(source, server, size)
        # After the last chunk: trailers, up to an empty line.
        while (line := source.readline()) not in (b"\r\n", b""):
            server.sendall(line)
        server.sendall(line)


@contextmanager
def run_counting_proxy(endpoint: str) -> Iterator[tuple[str, Counts]]:
    """Run a proxy before ``endpoint``; yield its own endpoint, and what it counts."""
    place = urlsplit(endpoint)
    with _Server((str(place.hostname), place.port or 80)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.counts
        finally:
            server.shutdown()
            thread.join()
