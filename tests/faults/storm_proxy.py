"""A proxy before an S3 server that loses, breaks and delays requests, by a seed and not by chance.

What happens to a request depends on the seed, its method, its path and how often that was asked before: not
on the order in which threads and processes come, so that the same storm blows again.
"""

from __future__ import annotations

import hashlib
import http.client
import math
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.faults.storm_ambush import Ambush

_PERMILLE = 1000
_SLOW_S = 0.5
_OF_THE_WAY = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}
_OF_A_RUN = ("_ledger/lease~", "_ledger/probe~")
_CHANGES = ("PUT", "DELETE", "POST")


def _is_work(method: str, path: str) -> bool:
    return method == "PUT" and not any(name in path for name in _OF_A_RUN)


class Storm:
    """What the proxy does and did: ``permille`` of the requests fail while it is not ``quiet``."""

    def __init__(self, upstream: str, seed: int, permille: int) -> None:
        self.upstream, self.seed, self.permille = upstream, seed, permille
        self.quiet, self.endpoint = True, ""
        self.ambush = Ambush()
        self.faults: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._puts, self._most, self._lock = 0, math.inf, threading.Condition()

    @property
    def puts(self) -> int:
        """How many objects were put so far, those apart that only say that a run is there."""
        return self._puts

    def hold(self, puts: float) -> None:
        """Let objects wait that come when so many were put."""
        with self._lock:
            self._most = puts
            self._lock.notify_all()

    def go_on(self) -> None:
        """Let all objects go on that wait, and hold no more."""
        self.hold(math.inf)

    def wait(self, method: str, path: str) -> None:
        """Wait while a request is held."""
        if _is_work(method, path):
            with self._lock:
                self._lock.wait_for(lambda: self._puts < self._most)

    def fault(self, method: str, path: str) -> str:
        """Return what is to happen to a request; nothing is the empty word."""
        name = f"{method} {path.partition('continuation-token')[0]}"
        with self._lock:
            self._asked[name] += 1
            self._puts += _is_work(method, path)
            if self.quiet:
                return ""
            drawn = hashlib.sha256(f"{self.seed} {name} {self._asked[name]}".encode()).digest()
            if int.from_bytes(drawn[:4], "big") % _PERMILLE >= self.permille:
                return ""
            kinds = ["503", "500", "reset", "slow", "lost" if method in _CHANGES else "cut"]
            kind = kinds[drawn[4] % len(kinds)]
            self.faults[kind] += 1
            return kind


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    storm: Storm
    upstream: http.client.HTTPConnection | None = None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def finish(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
        with suppress(OSError):
            super().finish()

    def serve(self) -> None:
        """Answer a request, whatever its method."""
        body = self._body()
        self.storm.wait(self.command, self.path)
        fault = self.storm.fault(self.command, self.path)
        if fault.isdigit():
            code = {"503": "SlowDown", "500": "InternalError"}[fault]
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>a storm</Message></Error>"
            self._answer(int(fault), [("Content-Type", "application/xml")], text.encode())
            return
        if fault == "reset":
            self._reset()
            return
        if fault == "slow":
            time.sleep(_SLOW_S)
        if self._is_ambushed("before"):
            return
        status, headers, data = self._forward(body)
        if self._is_ambushed("after"):
            return
        if fault == "lost":
            self._reset()
        else:
            self._answer(status, headers, data, cut=fault == "cut")

    def _is_ambushed(self, when: str) -> bool:
        """Whether who asks was killed just now: it has no answer then."""
        ports = int(self.client_address[1]), int(self.connection.getsockname()[1])
        killed = self.storm.ambush.strikes(self.command, self.path, self.headers, ports, when)
        if killed:
            self._reset()
        return killed

    def _body(self) -> bytes:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(self.storm.upstream, timeout=60)
        self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _OF_THE_WAY:
                self.upstream.putheader(name, value)
        self.upstream.putheader("Content-Length", str(len(body)))
        self.upstream.endheaders(body)
        response = self.upstream.getresponse()
        data = response.read()
        kept = [(k, v) for k, v in response.getheaders() if k.lower() not in _OF_THE_WAY]
        if self.command == "HEAD":
            kept.append(("Content-Length", response.getheader("Content-Length") or "0"))
        return response.status, kept, data

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False) -> None:
        with suppress(OSError):
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut and data else data)
        if cut and data:
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed here all the time."""


@contextmanager
def run_storm_proxy(endpoint: str, seed: int, permille: int) -> Iterator[Storm]:
    """Run a proxy before ``endpoint`` until the context ends; it is quiet until it is told otherwise."""
    storm = Storm(urlsplit(endpoint).netloc, seed, permille)
    served = {f"do_{method}": _Handler.serve for method in ("GET", "HEAD", "PUT", "POST", "DELETE")}
    handler = type("Handler", (_Handler,), {"storm": storm, **served})
    server = _Server(("127.0.0.1", 0), handler)
    storm.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield storm
    finally:
        storm.go_on()
        server.shutdown()
        thread.join()
        server.server_close()
