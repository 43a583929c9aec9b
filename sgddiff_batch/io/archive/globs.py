"""Globs over paths: ``*``, ``?`` and ``[...]`` within a part, ``**`` for any number of parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

WILDCARD = re.compile(r"[*?\[]")


def split_glob(uri: str) -> tuple[str, list[str]]:
    """Split a URI into the part before the first part with a wildcard, and the rest, part by part."""
    parts = uri.split("/")
    for number, part in enumerate(parts):
        if WILDCARD.search(part):
            return "/".join(parts[:number]) or "/", [part for part in parts[number:] if part]
    return uri, []


def matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match the parts of a glob."""
    return len(pattern) in reached(path, pattern)


def leads_to_match(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether something below a folder of this path can match."""
    return any(position < len(pattern) for position in reached(path, pattern))


def reached(path: Sequence[str], pattern: Sequence[str]) -> frozenset[int]:
    """Return the positions in a glob at which a path has arrived: from equal ones the same can match."""
    # All at once: backtracking would take exponential time.
    positions = _past_stars({0}, pattern)
    for part in path:
        steps = {
            position if pattern[position] == "**" else position + 1
            for position in positions
            if position < len(pattern) and (pattern[position] == "**" or fnmatchcase(part, pattern[position]))
        }
        positions = _past_stars(steps, pattern)
    return frozenset(positions)


def _past_stars(positions: set[int], pattern: Sequence[str]) -> set[int]:
    reached = set(positions)
    for position in sorted(positions):
        after = position
        while after < len(pattern) and pattern[after] == "**":
            after += 1
            reached.add(after)
    return reached
