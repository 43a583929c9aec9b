"""Policy: what browsers are told that the page may do, and from where it may load."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sgddiff_batch.errors import ConfigError

_BASEMAP = re.compile(r"(https?://(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::\d{1,5})?)/[^\s\"'<>\\;,]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Basemap:
    """Pictures below the mosaics, from a server that the user named: ``https://host/{z}/{x}/{y}.png``.

    ``attribution``: whose they are, as plain text; empty: the server's.

    Raises:
        ConfigError: if it is no web address, or lacks {z}, {x} or {y}.
    """

    url: str
    attribution: str = ""

    def __post_init__(self) -> None:
        if _BASEMAP.fullmatch(self.url) is None or any(
            part not in self.url for part in ("{z}", "{x}", "{y}")
        ):
            raise ConfigError(
                f"--basemap: {self.url!r} is no address of tiles; give one like https://host/{{z}}/{{x}}/{{y}}.png"
            )

    def to_json(self) -> dict[str, str]:
        """Return it as the page is told of it."""
        return {"url": self.url, "attribution": self.attribution or self.origin}

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        found = _BASEMAP.fullmatch(self.url)
        assert found is not None  # checked when it was made
        return found[1]


def content_policy(hosts: Iterable[str] = (), *, framed: bool = False) -> str:
    """Return the Content-Security-Policy of the page: scripts and styles are its own, and nothing else.

    hosts: origins besides its own that it reads from, as ``https://host``. framed: leave out what a ``meta``
    element cannot say.
    """
    others = "".join(f" {host}" for host in sorted(set(hosts)))
    rules = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"img-src 'self' blob: data:{others}",
        f"connect-src 'self'{others}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules if framed else [*rules, "frame-ancestors 'none'"])


def security_headers(hosts: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers of every answer: see :func:`content_policy`."""
    return {
        "Content-Security-Policy": content_policy(hosts),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
