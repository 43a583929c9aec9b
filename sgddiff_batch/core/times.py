"""Times as catalogues and configs write them, as spans of seconds since 1970 in UTC."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,12})?)?)\s*(Z|z|[+-]\d\d(?::?\d\d)?)?)?"
)
_OPEN_ENDS = ("", "..")
_DAY_S = 86400.0
_INSTANT_S = 1e-6
"""How much of a day is left when it ends: spans are closed, and the next day is not in them."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From ``start_s`` to ``stop_s``, both ends included; seconds since 1970 in UTC, infinite where open.

    Raises:
        ValueError: if it ends before it starts.
    """

    start_s: float
    stop_s: float

    def __post_init__(self) -> None:
        if not self.start_s <= self.stop_s:
            raise ValueError("the end lies before the beginning")

    def overlaps(self, other: TimeSpan) -> bool:
        """Whether there is an instant in both."""
        return self.start_s <= other.stop_s and other.start_s <= self.stop_s


def parse_time(text: str) -> TimeSpan:
    """Return an ISO 8601 date (the whole day) or time (an instant); one without a zone is in UTC.

    Raises:
        ValueError: if it is neither.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must be a date (2026-01-31) or a time (2026-01-31T10:00:00Z), got {text[:40]!r}")
    date, clock, zone = match.groups()
    start_s = _seconds(f"{date}T{(clock or '00:00').replace(',', '.')[:15]}") - _offset_s(zone)
    return TimeSpan(start_s, start_s if clock else start_s + _DAY_S - _INSTANT_S)


def parse_span(text: str) -> TimeSpan:
    """Return ``start/stop``, each a date, a time or ``..`` for open; or one date or time by itself.

    Raises:
        ValueError: if it is none of these, or ends before it starts.
    """
    start, has_stop, stop = (part.strip() for part in text.partition("/"))
    if not has_stop:
        return parse_time(start)
    return TimeSpan(
        -math.inf if start in _OPEN_ENDS else parse_time(start).start_s,
        math.inf if stop in _OPEN_ENDS else parse_time(stop).stop_s,
    )


def format_span(span: TimeSpan) -> str:
    """Return a span as STAC APIs want it: two times of whole seconds in UTC, or ``..``.

    The beginning is rounded down and the end up, so that nothing is lost.
    """
    if span.start_s == -math.inf and span.stop_s == math.inf:
        return "../.."
    return f"{_format(span.start_s, math.floor)}/{_format(span.stop_s, math.ceil)}"


def _format(seconds: float, rounded: Callable[[float], int]) -> str:
    return ".." if math.isinf(seconds) else f"{np.datetime64(rounded(seconds), 's')}Z"


def _seconds(text: str) -> float:
    return float(np.datetime64(text, "us").astype(np.int64)) / 1e6


def _offset_s(zone: str | None) -> float:
    if zone is None or zone in "Zz":
        return 0.0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 3600.0 + int(digits[2:]) * 60.0)
