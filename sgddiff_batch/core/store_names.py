"""The paths of mosaics' stores, below their output: ``<id>/<version>-<run key>[.r<n>].zarr``.

The id is the scene's, or the area's; ``.r<n>`` is the n-th store that came in the place of a damaged one.
"""

from __future__ import annotations

import re

SUFFIX = ".zarr"
"""What every store's name ends in, and no other folder's below an output."""

_NAME = re.compile(r"(?s:(?P<base>.*?))(?:\.r(?P<number>[0-9]{1,9}))?\.zarr")
_MADE_HERE = re.compile(r"[0-9a-f]{16}-[0-9a-f]{12}(\.r[0-9]+)?\.zarr")


def store_path(mosaic_id: str, version: str, run_key: str) -> str:
    """Return the path of a mosaic's first store: another version or run key makes another one."""
    return f"{mosaic_id}/{version}-{run_key}{SUFFIX}"


def replacement_of(path: str) -> str:
    """Return the path of the store that replaces another: x.zarr, x.r1.zarr, x.r2.zarr.

    It is another one, so that the replaced mosaic stays where readers look until its replacement is there.
    """
    match = _NAME.fullmatch(path)
    base, number = (match["base"], int(match["number"] or 0)) if match else (path, 0)
    return f"{base}.r{number + 1}{SUFFIX}"


def id_of(path: str) -> str:
    """Return the id of the scene or area whose mosaic has its store at a path."""
    return path.rpartition("/")[0]


def is_store_path(path: str) -> bool:
    """Whether a path may be that of a store, and of nothing outside of the output."""
    return path.endswith(SUFFIX) and leads_below(path)


def leads_below(path: str) -> bool:
    """Whether a path leads to something below where it begins, and nowhere else on any system.

    Scene ids of this project do; those of a catalogue that somebody else has published need not.
    """
    return not re.search(r"[\\\0]", path) and not any(part in ("", ".", "..") for part in path.split("/"))


def is_made_here(path: str) -> bool:
    """Whether a store is named as this project names them: only such a one may be taken for nobody's."""
    return _MADE_HERE.fullmatch(path.rpartition("/")[2]) is not None
