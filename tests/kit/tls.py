"""TLS before a server on loopback, with a certificate that nobody but who is told its authority trusts."""

from __future__ import annotations

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

_PIECE = 65_536
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: tuple[str, int], context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream, self.context = upstream, context


class _Connection(socketserver.BaseRequestHandler):
    """One connection of a client, decrypted, and one to the server."""

    server: _Server

    def handle(self) -> None:
        with (
            suppress(OSError),
            self.server.context.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(self.server.upstream) as server,
        ):
            answers = threading.Thread(target=_passed, args=(server, client), daemon=True)
            answers.start()
            _passed(client, server)
            answers.join()


def _passed(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def run_tls_before(endpoint: str, folder: Path, is_self_signed: bool) -> Iterator[tuple[str, Path]]:
    """Yield an https endpoint before an http one, and the certificate of who signed for its own, or that one.

    Skips the test where there is no openssl to make certificates with.
    """
    authority = _certificates(folder, is_self_signed)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem", folder / "host.key")
    place = urlsplit(endpoint)
    with _Server((str(place.hostname), place.port or 80), context) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}", authority
        finally:
            server.shutdown()
            thread.join()


def _certificates(folder: Path, is_self_signed: bool) -> Path:
    """Make a certificate of 127.0.0.1, and an authority for it; return what has to be trusted."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    authority, key = folder / "authority.pem", folder / "authority.key"
    host = ("/CN=localhost", folder / "host.pem", folder / "host.key", "subjectAltName=IP:127.0.0.1")
    no_authority = ("-addext", "basicConstraints=critical,CA:FALSE")
    if is_self_signed:
        _openssl(*host, *no_authority)
        return host[1]
    _openssl("/CN=authority of a test", authority, key, "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(*host, *no_authority, "-CA", str(authority), "-CAkey", str(key))
    return authority


def _openssl(name: str, certificate: Path, key: Path, extension: str, *others: str) -> None:
    files = ("-out", str(certificate), "-keyout", str(key))
    command = ["openssl", "req", "-x509", *_KEY, "-subj", name, *files, "-addext", extension, *others]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
