"""Ranges: which bytes of an object a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"(\d{1,18})-(\d{0,18})|-(\d{1,18})", re.ASCII)
_UNIT = "bytes="


class BadRangeError(ValueError):
    """The range is none, is several, or begins after the end."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes [start, stop) of an object.

    Raises:
        ValueError: unless 0 <= start <= stop.
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"a span must be 0 <= start <= stop, got {self.start}, {self.stop}")

    @property
    def size_bytes(self) -> int:
        """How many bytes it has."""
        return self.stop - self.start


def span_of(asked: str | None, size_bytes: int) -> Span | None:
    """Return the bytes that a ``Range`` header asks for, None where it asks for the whole object.

    Units that are not bytes ask for the whole, as HTTP wants it. What is malformed or several ranges is
    refused, and not answered with the whole: that may be gigabytes that nobody wanted.

    Raises:
        BadRangeError: if it is none, is several, or begins after the end.
    """
    if asked is None or not asked.lower().startswith(_UNIT):
        return None
    found = _ONE.fullmatch(asked[len(_UNIT) :].strip())
    if found is None:
        raise BadRangeError("give one range of bytes: bytes=0-99, bytes=100- or bytes=-100")
    first, last, suffix = found.groups()
    if suffix is not None:
        return _checked(max(0, size_bytes - int(suffix)), size_bytes, size_bytes)
    return _checked(int(first), int(last) + 1 if last else size_bytes, size_bytes)


def _checked(start: int, stop: int, size_bytes: int) -> Span:
    if start >= size_bytes or stop <= start:
        raise BadRangeError(f"there is no such range in {size_bytes} bytes")
    return Span(start, min(stop, size_bytes))
