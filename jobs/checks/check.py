"""Check: one thing that was looked at, what was found, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """A line of the doctor's. ``failed``: a run cannot do with it; ``note``: it can, and you should know."""

    what: str
    state: State
    found: str
    mend: str = ""


def ok(what: str, found: str) -> Check:
    """Return a check that is as it should be."""
    return Check(what, "ok", found)


def note(what: str, found: str, mend: str) -> Check:
    """Return a check that a run can do with."""
    return Check(what, "note", found, mend)


def failed(what: str, found: str, mend: str) -> Check:
    """Return a check that a run fails by."""
    return Check(what, "failed", found, mend)


def some(names: Iterable[str], most: int = 5) -> str:
    """Return the first of many names in a line, and how many more there are."""
    every = list(names)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")


def gib(size_bytes: float) -> str:
    """Return bytes as people say them."""
    return f"{size_bytes / 2**30:.2f} GiB"
