"""Web: JSON documents of hosts that the config names, with bounds on size, time, tries and redirects."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import urllib3

from sgddiff_batch.core.retrying import backoff_s
from sgddiff_batch.core.source_kinds import is_web
from sgddiff_batch.core.words import on_one_line, shown
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.stac.allowed_links import AllowedLinks, LinkRefusedError
from sgddiff_batch.io.stac.headers import NONE, ApiHeaders

MAX_DOCUMENT_BYTES = 64 * 2**20
_REDIRECTS = 5
_REDIRECTED = (301, 302, 303, 307, 308)
_DENIED = (401, 403)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_PART_BYTES = 64 * 1024
_SAID_BYTES = 16 * 1024
_WAIT_AT_MOST_S = 30.0
_HEADERS = {"Accept": "application/geo+json, application/json", "User-Agent": "sgddiff-batch"}


class BadDocumentError(RetryableError):
    """What was read is no JSON document of the kind that was asked for; it may be half-written."""


class _PassingError(Exception):
    """The same request may succeed soon; ``wait_s`` is how long the server asks to wait."""

    def __init__(self, words: str, wait_s: float = 0.0) -> None:
        super().__init__(words)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Web:
    """Asks for JSON. ``deadline_s`` bounds one request with its redirects; ``sleep`` is there for tests.

    ``headers`` go to the hosts that they are for, and nowhere else that a link or a redirect leads to.
    """

    allowed: AllowedLinks
    headers: ApiHeaders = NONE
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=16))
    attempts: int = 5
    deadline_s: float = 120.0
    silence_s: float = 30.0
    max_bytes: int = MAX_DOCUMENT_BYTES
    sleep: Callable[[float], None] = time.sleep

    def json(
        self,
        url: str,
        *,
        fields: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> tuple[str, object]:
        """Return the address that answered in the end, and the document; a POST where there is a ``body``.

        Raises:
            ConfigError: if the host says no (4xx), or leads to one that the config does not name.
            RetryableError: if it fails for longer than the tries last, or sends what is no JSON.
        """
        pauses = list(backoff_s(self.attempts - 1))
        for pause_s in [*pauses, None]:
            try:
                return self._once(url, fields, body)
            except _PassingError as error:
                if pause_s is None:
                    raise RetryableError(f"{shown(url)}: {error}, {self.attempts} times") from None
                wait_s = min(max(pause_s, error.wait_s), _WAIT_AT_MOST_S)
                self.sleep(wait_s * random.uniform(0.75, 1.25))
        raise AssertionError("the last try returns or raises")

    def _once(
        self, url: str, fields: Mapping[str, str] | None, body: Mapping[str, object] | None
    ) -> tuple[str, object]:
        deadline = time.monotonic() + self.deadline_s
        address, first = followed(self.allowed, url, url), True
        for _ in range(_REDIRECTS + 1):
            with self._asked(address, fields if first else None, body) as response:
                if response.status in _REDIRECTED:
                    address, first = followed(self.allowed, response.headers.get("Location"), address), False
                    continue
                _check_status(response, address, self.headers)
                return address, parse_document(self._content(response, address, deadline), shown(address))
        raise RetryableError(f"{shown(url)}: more than {_REDIRECTS} redirects")

    @contextmanager
    def _asked(
        self, url: str, fields: Mapping[str, str] | None, body: Mapping[str, object] | None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        timeout = urllib3.Timeout(connect=10.0, read=self.silence_s)
        try:
            response = self.pool.request(
                "GET" if body is None else "POST",
                url,
                fields=None if body is not None else fields,
                json=body,
                headers={**_HEADERS, **self.headers.of(url)},
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=timeout,
            )
        except urllib3.exceptions.HTTPError as error:
            raise _PassingError(_words(error)) from None
        try:
            yield response
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _PassingError(_words(error)) from None
        finally:
            response.close()

    def _content(self, response: urllib3.BaseHTTPResponse, url: str, deadline: float) -> bytes:
        content = bytearray()
        for part in response.stream(_PART_BYTES):
            content += part
            if len(content) > self.max_bytes:
                raise RetryableError(f"{shown(url)}: the answer has more than {self.max_bytes} bytes")
            if time.monotonic() > deadline:
                raise _PassingError(f"the answer took longer than {self.deadline_s:.0f} s")
        return bytes(content)


def followed(allowed: AllowedLinks, link: object, base: str) -> str:
    """Return the web address that a link or redirect of the one at ``base`` leads to.

    Raises:
        ConfigError: if it leads where the config does not allow it to, or nowhere on the web.
    """
    try:
        place = allowed.follow(link, base)
    except LinkRefusedError as error:
        raise ConfigError(f"{shown(base)}: {error}") from None
    if not is_web(place):
        raise ConfigError(f"{shown(base)}: leads to {shown(place)!r}, which is no web address")
    return place


def _check_status(response: urllib3.BaseHTTPResponse, url: str, headers: ApiHeaders) -> None:
    status = response.status
    if status == 200:
        return
    if status in _PASSING:
        raise _PassingError(f"the server answers {status}", _wait_s(response.headers.get("Retry-After")))
    if status in _DENIED:
        raise ConfigError(f"{shown(url)}: the server denies it ({status}); {headers.advice(url)}")
    # More than is shown, so that no secret is cut in two and not known again.
    said = headers.without_secrets(
        response.read(_SAID_BYTES, decode_content=False).decode("ascii", "replace")
    )
    words = "".join(character for character in on_one_line(said) if character.isprintable())[:500]
    if 400 <= status < 500:
        raise ConfigError(f"{shown(url)}: the server answers {status}: {words}")
    raise RetryableError(f"{shown(url)}: the server answers {status}: {words}")


def parse_document(content: bytes, where: str) -> object:
    """Return a JSON document.

    Raises:
        BadDocumentError: if it is none, or too deep.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadDocumentError(f"{where}: it is no JSON document ({error})") from None


def _wait_s(header: str | None) -> float:
    return float(header) if header and header.isascii() and header.isdigit() and len(header) < 6 else 0.0


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {on_one_line(error)[:200]}"
