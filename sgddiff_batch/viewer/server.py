"""The loopback server: HTTP on 127.0.0.1 for one browser, for whoever knows the token in the address.

Other processes and other pages of the same machine can reach the port: so nothing is told without the token,
and requests whose Host is another name (which a page of somebody else's can have lead here) are refused.
"""

from __future__ import annotations

import logging
import secrets
import socket
import sys
import threading
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from typing import Any

from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.viewer.conversation import Conversation, Entrance
from sgddiff_batch.viewer.site import Site

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_TOKEN_BYTES = 24
_MOST_CONNECTIONS = 128
_JOIN_S = 5.0
"""How long the end waits for answers that are under way, as for a bucket that does not answer."""
_POLL_S = 0.05


class LoopbackServer(ThreadingHTTPServer):
    """Serves a site until the context ends; then no thread and no socket of it is left.

    ``with LoopbackServer(site) as server: server.wait()``; ``server.url`` is the address to open.

    port: 0 for one that is free.

    Raises:
        ConfigError: if the port cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = True  # or the port of a viewer that has ended could not be had for a minute
    request_queue_size = _MOST_CONNECTIONS

    def __init__(self, site: Site, port: int = 0) -> None:
        self.site = site
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._open: dict[threading.Thread, socket.socket] = {}
        self._known: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._loop = threading.Thread(target=self.serve_forever, args=(_POLL_S,), name="viewer", daemon=True)
        try:
            super().__init__((LOOPBACK, port), self._conversation)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "there is no such port"
            raise ConfigError(f"--port {port}: it cannot be had ({why}); give another, or none") from None

    @property
    def url(self) -> str:
        """The address of the page; whoever knows it can see the output."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    @property
    def names(self) -> tuple[str, ...]:
        """What the Host of a request may be."""
        return tuple(f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost"))

    def _conversation(self, *connection: Any) -> Conversation:  # noqa: ANN401
        return Conversation(Entrance(self.site, self.token, self.names, self._let_in), *connection)

    def __enter__(self) -> LoopbackServer:
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._loop.join()
        self.server_close()

    def wait(self) -> None:
        """Wait until Ctrl-C."""
        self._loop.join()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver's
        """Answer a connection in a thread of its own; of too many one is closed, see :meth:`_too_many`."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="viewer", daemon=True
        )
        with self._lock:
            left_out = self._too_many(request)
            is_let_in = left_out is not request
            if is_let_in:
                self._open[thread] = request
        if left_out is not None:
            _hang_up(left_out)
        if is_let_in:
            thread.start()
        else:
            self.shutdown_request(request)

    def _too_many(self, newest: socket.socket) -> socket.socket | None:
        """Return the connection that has to go, None where there is room.

        The oldest of those that have not told the token: a process that opens many keeps no browser out.
        """
        if len(self._open) < _MOST_CONNECTIONS:
            return None
        return next((one for one in self._open.values() if one not in self._known), newest)

    def _let_in(self, request: socket.socket) -> None:
        with self._lock:
            self._known.add(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """As socketserver's; the connection is forgotten at its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)
                self._known.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say in a line why a connection ended; that it broke off only to those who develop this."""
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, OSError) else logging.WARNING
        log.log(level, "a connection ended early: %s: %s", type(error).__name__, on_one_line(error))

    def server_close(self) -> None:
        """Close the port and all connections, and wait for their threads."""
        super().server_close()
        with self._lock:
            left = dict(self._open)
        for request in left.values():
            _hang_up(request)
        end = time.monotonic() + _JOIN_S
        for thread in left:
            thread.join(max(0.0, end - time.monotonic()))


def _hang_up(request: socket.socket) -> None:
    """End a connection; the thread that waits for it goes on, and ends."""
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)
