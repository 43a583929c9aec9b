"""Markdown of facts: text that somebody else chose is quoted, so that it stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sgddiff_batch.core.words import printable

_LONGEST = 120


def quoted(text: object) -> str:
    """Any text as a code span on one line: names come from files, and could hold Markdown or HTML.

    For running text and lists; in a table a bar would still end the cell.
    """
    shown = printable(str(text))
    if len(shown) > _LONGEST:
        shown = shown[:_LONGEST] + "..."
    # A span ends at a run of as many backticks as it began with.
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") or not shown.strip() else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def section(title: str, lines: Sequence[str]) -> str:
    """A heading and a list; nothing where there are no lines."""
    return "\n".join([f"## {title}", "", *(f"* {line}" for line in lines)]) if lines else ""


def share(value: float | None) -> str:
    """Four digits, or a dash where there is no number."""
    return "-" if value is None else f"{value:.4f}"


def counted(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
