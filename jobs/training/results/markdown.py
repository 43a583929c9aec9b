"""Markdown of facts: text that somebody else chose is quoted, so that it stays text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from sgddiff_batch.core.words import printable

_LONGEST = 120
_GLUE = "\0"
_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_MARKER = re.compile(r" (?=(?:[-+*>#=|]+|\d+[.)])(?: |$))")
"""What would be a list, a heading or a quotation at the beginning of a line."""


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


def wrapped(text: str) -> str:
    """Return Markdown whose paragraphs and items of lists have lines that fit into a diff; it reads the same.

    Never broken are tables, headings, comments, and code spans: what somebody chose must not begin a line,
    where it could be a heading or a list of its own.
    """
    return "\n".join(map(_wrapped_line, text.split("\n")))


def _wrapped_line(line: str) -> str:
    if len(line) <= _LONGEST or line.startswith(("|", "#", "<")):
        return line
    glued = _SPAN.sub(lambda span: span[0].replace(" ", _GLUE), line)
    glued = _MARKER.sub(_GLUE, glued)
    indent = "  " if line.startswith("* ") else ""
    # The star of a list stays with its first word.
    parts = textwrap.wrap(
        glued, _LONGEST, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(parts).replace(_GLUE, " ")
