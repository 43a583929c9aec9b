"""Periods of area mosaics: the day, month, quarter or year, in UTC, that an instant lies in."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sgddiff_batch.core.times import TimeSpan, parse_time

PeriodKind = Literal["day", "month", "quarter", "year"]

_UNITS: dict[str, tuple[Literal["D", "M", "Y"], int]] = {
    "day": ("D", 1),
    "month": ("M", 1),
    "quarter": ("M", 3),
    "year": ("Y", 1),
}
"""NumPy's unit of a kind of period, and how many of them it has."""
_INSTANT_S = 1e-6
"""Spans are closed: a period ends this much before the next one begins, as a day of a catalogue does."""
_DIGITS = re.compile(r"[0-9]")
_KIND_OF_DIGITS: dict[int, PeriodKind] = {4: "year", 6: "month"}
_BEGIN_S, _END_S = -62135596800.0, 253402300800.0
"""The years 1 to 9999, which a date of ISO 8601 can name."""


@dataclass(frozen=True, slots=True)
class Period:
    """A period: ``name`` (2026-01-31, 2026-01, 2026-Q1 or 2026; sorts by time) and its span."""

    name: str
    span: TimeSpan


def period_of(time_s: float, kind: PeriodKind) -> Period:
    """Return the period that an instant lies in. time_s: seconds since 1970 in UTC.

    Raises:
        ValueError: if it is no finite time of the years 1 to 9999.
    """
    if not _BEGIN_S <= time_s < _END_S:
        raise ValueError(f"a period needs a time of the years 1 to 9999, got {time_s} s since 1970")
    unit, count = _UNITS[kind]
    number = int(np.datetime64(math.floor(time_s), "s").astype(f"datetime64[{unit}]").astype(np.int64))
    first = number - number % count
    start_s, next_s = _seconds(first, unit), _seconds(first + count, unit)
    name = str(np.datetime64(first, unit))
    if kind == "quarter":
        name = f"{name[:-3]}-Q{int(name[-2:]) // 3 + 1}"
    return Period(name, TimeSpan(start_s, next_s - _INSTANT_S))


def span_of_digits(text: str) -> TimeSpan | None:
    """Return the time that the digits of a name write, None where they write none.

    2026 is a year, 202601 a month, 20260131 a day, 202601311200 and 20260131120000 are instants; what stands
    between the digits does not count.
    """
    digits = "".join(_DIGITS.findall(text))
    if len(digits) not in (4, 6, 8, 12, 14):
        return None
    day = f"{digits[:4]}-{digits[4:6] or '01'}-{digits[6:8] or '01'}"
    clock = ":".join((digits[8:10], digits[10:12], digits[12:14] or "00"))
    try:
        if len(digits) > 8:
            return parse_time(f"{day}T{clock}Z")
        span = parse_time(day)
        return span if len(digits) == 8 else period_of(span.start_s, _KIND_OF_DIGITS[len(digits)]).span
    except ValueError:
        return None


def span_in_name(name: str, pattern: re.Pattern[str]) -> TimeSpan | None:
    """Return the time that is in a name where a pattern finds it: in its groups; None where there is none."""
    found = pattern.search(name)
    return span_of_digits("".join(group or "" for group in found.groups())) if found else None


def _seconds(number: int, unit: Literal["D", "M", "Y"]) -> float:
    return float(np.datetime64(number, unit).astype("datetime64[s]").astype(np.int64))
