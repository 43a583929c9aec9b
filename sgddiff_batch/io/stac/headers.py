"""Headers of private STAC APIs: read from the environment, sent to the host that they are for alone."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.words import shown
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.stac.allowed_links import origin

log = logging.getLogger(__name__)

_VALUE = re.compile(r"[\x20-\x7e]+")
_LOOPBACK = re.compile(r"http://(?:localhost|127\.[0-9.]+|::1):[0-9]+")
_LEAST_SECRET = 6
"""Shorter parts of a value are words like Bearer."""


@dataclass(frozen=True, slots=True)
class ApiHeaders:
    """What is sent beside each request, by ``scheme://host:port``. Shown nowhere, not even by repr."""

    by_origin: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def of(self, url: str) -> Mapping[str, str]:
        """Return the headers for an address; none for any host but those that the config gives some."""
        return self.by_origin.get(origin(url) or "", {})

    def advice(self, url: str) -> str:
        """Return what to look at where a server denies an address."""
        names = sorted(self.of(url))
        if not names:
            return "if it wants a token, headers_from_env of the source can name the variable that holds it"
        return f"it was sent the headers that headers_from_env names: {', '.join(names)}; check their values"

    def without_secrets(self, text: str) -> str:
        """Return the words of a server without the values that it was sent, whole or in part."""
        values = {value for headers in self.by_origin.values() for value in headers.values()}
        parts = {part for value in values for part in value.split() if len(part) >= _LEAST_SECRET}
        for secret in sorted(values | parts, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


NONE = ApiHeaders()


def read_headers(query: ArchiveQuery, environment: Mapping[str, str] = os.environ) -> ApiHeaders:
    """Return the headers of an archive's sources, their values from the environment.

    White space around a value goes: files that hold secrets end with a line feed.

    Raises:
        ConfigError: if a variable is not set, is empty, or holds what no header can. It is not shown, nor is
            its name, in place of which somebody may have written the secret. Also if sources on one host name
            different headers.
    """
    named: dict[str, Source] = {}
    for source in query.sources:
        here = origin(source.uri)
        if not source.headers_from_env or here is None:
            continue
        if named.setdefault(here, source).headers_from_env != source.headers_from_env:
            raise ConfigError(
                f"archive: sources on {here} name different headers_from_env; a host is sent one set of them"
            )
    for here in named:
        if here.startswith("http://") and not _LOOPBACK.match(here):
            log.warning("%s: the headers of headers_from_env go there unencrypted; take https", here)
    return ApiHeaders({here: _headers(source, environment) for here, source in named.items()})


def _headers(source: Source, environment: Mapping[str, str]) -> dict[str, str]:
    return {name: _value(source, name, environment.get(key)) for name, key in source.headers_from_env}


def _value(source: Source, name: str, text: str | None) -> str:
    where = f"archive: headers_from_env of {shown(source.uri)}: the environment variable of {name}"
    value = (text or "").strip()
    if not value:
        raise ConfigError(f"{where} {'is not set' if text is None else 'is empty'}")
    if not _VALUE.fullmatch(value):
        raise ConfigError(f"{where} holds line feeds or characters beyond ASCII, which no header can")
    return value
