"""Words: numbers, times and commands as a page tells them."""

from __future__ import annotations

import shlex
from datetime import datetime

from sgddiff_batch.core.words import printable

_MIB, _GIB = 2.0**20, 2.0**30


def duration(seconds: float) -> str:
    """Return a time for people: 4.2 s, 40 s, 12 min, 3.5 h, 2.1 days."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for most, unit_s, unit in ((90, 1, "s"), (90 * 60, 60, "min")):
        if seconds < most:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def share(part: float) -> str:
    """Return a share as a percentage of two digits that count: 0 %, 0.012 %, 1.5 %, 42 %."""
    percent = 100 * part
    if percent == 0 or percent >= 10:
        return f"{percent:.0f} %"
    return f"{percent:.2g} %"


def size(count_bytes: float) -> str:
    """Return bytes for people: 12 MiB, 1.7 GiB."""
    return f"{count_bytes / _GIB:.2f} GiB" if count_bytes >= _GIB else f"{count_bytes / _MIB:.0f} MiB"


def pixels(count_px: float) -> str:
    """Return pixels for people: 340,000 px, 6.7 Mpx, 1.2 Gpx."""
    for least, unit in ((1e9, "Gpx"), (1e6, "Mpx")):
        if count_px >= least:
            return f"{count_px / least:,.1f} {unit}"
    return f"{count_px:,.0f} px"


def at(text: str) -> str:
    """Return an ISO time without its seconds and with a blank, for people; what is none as it is."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M %Z}".strip()
    except (ValueError, TypeError):
        return printable(str(text))


def command(*words: str) -> str | None:
    """Return a command line that a shell takes as these words, None where one of them cannot be typed."""
    if not all(word.isprintable() for word in words):
        return None
    return shlex.join(words)
