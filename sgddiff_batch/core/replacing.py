"""Replacements: the names of the stores that come in the place of another one, which stays as it is."""

from __future__ import annotations

import re

_STORE = re.compile(r"(?s:(?P<base>.*?))(?:\.r(?P<number>[0-9]{1,9}))?\.zarr")


def replacement_of(store: str) -> str:
    """Return the name of the store that replaces another: x.zarr, x.r1.zarr, x.r2.zarr.

    It is another one, so that the replaced mosaic stays where readers look until its replacement is there.
    """
    match = _STORE.fullmatch(store)
    base, number = (match["base"], int(match["number"] or 0)) if match else (store, 0)
    return f"{base}.r{number + 1}.zarr"
