"""What prints to people: on a terminal as wide as that, elsewhere as wide as tables need.

Apart from :mod:`jobs.printing`, whose door loads what runs and stores need: scores are shown without.
"""

from __future__ import annotations

from rich.console import Console

_WIDTH = 160


def console(width: int = _WIDTH) -> Console:
    """Return what prints to people; where that is no terminal, so wide."""
    found = Console(highlight=False, emoji=False)
    return found if found.is_terminal else Console(highlight=False, emoji=False, width=width)
