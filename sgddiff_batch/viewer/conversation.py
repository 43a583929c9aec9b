"""A conversation: the requests of one connection, and what each is answered."""

from __future__ import annotations

import hmac
import json
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote

from sgddiff_batch.core.words import on_one_line, printable, redact_uri
from sgddiff_batch.errors import ConfigError, RetryableError, SgddiffBatchError
from sgddiff_batch.viewer.addresses import NotServedError, address_of
from sgddiff_batch.viewer.policy import security_headers
from sgddiff_batch.viewer.ranges import BadRangeError, Span, span_of
from sgddiff_batch.viewer.served import Served, ServedBytes
from sgddiff_batch.viewer.site import Site

log = logging.getLogger(__name__)

_IDLE_S, _STRANGER_S = 60.0, 10.0
"""So long a connection may say nothing, or take nothing; the second before it told the token."""
_METHODS = "GET, HEAD"
_OF_THE_OBJECT = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED)
_NO_METHOD = 501
"""What http.server says of methods that have no function."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Who is let in to a site: who knows the token, and calls the host by one of its ``names``.

    ``let_in`` is told of the connections that know it.
    """

    site: Site
    token: str = field(repr=False)
    names: tuple[str, ...]
    let_in: Callable[[socket.socket], None]

    def is_token(self, text: str) -> bool:
        """Whether it is the token, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(text.encode(), self.token.encode())


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body: the ``span`` of what is served."""

    status: HTTPStatus
    served: Served
    span: Span
    headers: Mapping[str, str] = field(default_factory=dict)


class Conversation(BaseHTTPRequestHandler):
    """Answers GET and HEAD; everything else, and whatever is malformed, ends the conversation."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sgddiff", ""
    timeout = _STRANGER_S
    disable_nagle_algorithm = True

    def __init__(self, entrance: Entrance, *connection: Any) -> None:  # noqa: ANN401 - as socketserver's
        self._entrance = entrance
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Answer with headers and body."""
        self._reply()

    def do_HEAD(self) -> None:
        """Answer with headers alone."""
        self._reply()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the address has the token."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server found wrong, and end the conversation: what follows may be a body."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == _NO_METHOD else HTTPStatus(code)
        self.close_connection = True
        allowed = {"Allow": _METHODS} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        self._send(_refusal(status, message or status.phrase, allowed))

    def _reply(self) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True
        try:
            answer = self._answer()
        except Exception as error:
            answer = _answer_to(error)
        self._send(answer)

    def _answer(self) -> Answer:
        if self.headers.get_all("Host", []) not in [[name] for name in self._entrance.names]:
            return _refusal(HTTPStatus.FORBIDDEN, "this address is only for the browser of this machine")
        path, _, query = self.path.partition("?")
        token, slash, rest = path[1:].partition("/")
        if not (path.startswith("/") and self._entrance.is_token(token)):
            return _refusal(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        self._entrance.let_in(self.connection)
        self.connection.settimeout(_IDLE_S)
        if not slash:
            there = {"Location": f"/{quote(token)}/"}
            return _refusal(HTTPStatus.PERMANENT_REDIRECT, "the address ends in /", there)
        served = self._entrance.site.find(address_of(f"/{rest}?{query}"))
        return self._conditional(served)

    def _conditional(self, served: Served) -> Answer:
        """Return the whole, a part, or that it is not another than what the browser has."""
        whole, etag = Span(0, served.size_bytes), served.etag
        asked = self.headers.get("If-Match")
        if asked is not None and not _names(asked, etag):
            return _refusal(HTTPStatus.PRECONDITION_FAILED, "it is another one now")
        if _names(self.headers.get("If-None-Match"), etag):
            return Answer(HTTPStatus.NOT_MODIFIED, served, Span(0, 0))
        is_same = self.headers.get("If-Range", etag) == etag
        try:
            span = span_of(self.headers.get("Range"), whole.stop) if is_same else None
        except BadRangeError as error:
            there = {"Content-Range": f"bytes */{whole.stop}"}
            return _refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, str(error), there)
        if span is None:
            return Answer(HTTPStatus.OK, served, whole)
        there = {"Content-Range": f"bytes {span.start}-{span.stop - 1}/{whole.stop}"}
        return Answer(HTTPStatus.PARTIAL_CONTENT, served, span, there)

    def _send(self, answer: Answer) -> None:
        """Send an answer; where its first part cannot be had, why not."""
        has_body = self.command != "HEAD" and answer.span.size_bytes > 0
        parts = answer.served.parts(answer.span) if has_body else iter(())
        try:
            first = next(parts, b"")
        except Exception as error:
            answer = _answer_to(error)
            first, parts = b"".join(answer.served.parts(answer.span)), iter(())
        try:
            self._send_headers(answer)
            self.wfile.write(first)
            self._send_rest(parts)
        except (OSError, SgddiffBatchError) as error:
            # The reader has gone, or the object has: a body that is too short tells.
            log.debug("an answer broke off: %s", on_one_line(error))
            self.close_connection = True

    def _send_rest(self, parts: Iterator[bytes]) -> None:
        for part in parts:
            self.wfile.write(part)

    def _send_headers(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in security_headers(self._entrance.site.hosts).items():
            self.send_header(name, value)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", answer.served.content_type)
            self.send_header("Content-Length", str(answer.span.size_bytes))
        if answer.status in _OF_THE_OBJECT:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", answer.served.etag)
        self.send_header("Cache-Control", answer.served.cache_control)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _names(header: str | None, etag: str) -> bool:
    """Whether a condition names an ETag; of a weak one what it says is compared."""
    return header is not None and (
        header.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in header.split(",")]
    )


def _answer_to(error: Exception) -> Answer:
    """Return what is told of an error: its words, without logins, and by its status what can be done."""
    if isinstance(error, NotServedError | FileNotFoundError):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, ConfigError):
        # Not 403: a bucket says so of what is not there to who may not list, and the page takes it for that.
        status = HTTPStatus.BAD_GATEWAY
    elif isinstance(error, RetryableError):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    elif isinstance(error, ValueError):
        status = HTTPStatus.BAD_REQUEST
    else:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        log.warning("the viewer could not answer: %s: %s", type(error).__name__, on_one_line(error))
    return _refusal(status, redact_uri(printable(on_one_line(error))))


def _refusal(status: HTTPStatus, words: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = ServedBytes(json.dumps({"error": words}).encode(), cache_control="no-store")
    return Answer(status, body, Span(0, body.size_bytes), headers or {})
