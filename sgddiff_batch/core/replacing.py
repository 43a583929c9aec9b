"""Replacements: the names of the stores that come in the place of another one, which stays as it is."""

from __future__ import annotations

import re

_STORE = re.compile(r"(?s:(?P<base>.*?))(?:\.r(?P<number>[0-9]{1,9}))?\.zarr")


def replacement_of(store: str) -> str:
    """Return the name of the store that replaces another: x.zarr, x.r1.zarr, x.r2.zarr.

    It is another one, so that the replaced mosaic stays where readers look until its replacement is there.
    """
    base, number = _parted(store)
    return f"{base}.r{number + 1}.zarr"


def is_replaced(damaged: str, planned: str) -> bool:
    """Whether a damaged store is the planned one, or came in its place."""
    return _parted(damaged)[0] == _parted(planned)[0]


def _parted(store: str) -> tuple[str, int]:
    match = _STORE.fullmatch(store)
    return (match["base"], int(match["number"] or 0)) if match else (store, 0)
