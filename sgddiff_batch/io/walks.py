"""Walks through an output: which stores there are, and how large and how old things are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sgddiff_batch.io.archive_catalogue import CATALOGUE
from sgddiff_batch.io.ledgers import LEDGER
from sgddiff_batch.io.stores import Store, translated

OUTPUTS_OWN = frozenset({LEDGER, CATALOGUE})
"""A folder in which one of these lies is an output."""

_REQUESTS = 16


@dataclass(frozen=True, slots=True)
class Size:
    """What lies below a prefix; ``newest_s``: the last change there, in seconds since 1970."""

    objects: int
    size_bytes: int
    newest_s: float


def walk_stores(store: Store) -> Iterator[str]:
    """Yield the paths of all stores below an output; folders that begin with ``_`` there are not mosaics'.

    A folder below it with a ledger or a catalogue of its own is another output, whose stores are not yielded.
    """
    folders = [""]
    with ThreadPoolExecutor(_REQUESTS) as pool:
        while folders:
            below: list[str] = []
            for folder, names in zip(
                folders, pool.map(lambda folder: _folders(store, folder), folders), strict=True
            ):
                for name in () if folder and not OUTPUTS_OWN.isdisjoint(names) else names:
                    path = f"{folder}/{name}" if folder else name
                    if name.endswith(".zarr"):
                        yield path
                    elif folder or not name.startswith("_"):
                        below.append(path)
            folders = below


def _folders(store: Store, folder: str) -> list[str]:
    try:
        entries = store.entries(folder)
    except FileNotFoundError:
        return []
    names = [name for name, version in entries.items() if version is None]
    if store.is_local:
        # A link leads to what is not the output's.
        names = [name for name in names if not Path(store.path(folder), name).is_symlink()]
    return names


def infos(store: Store, prefix: str) -> dict[str, dict[str, Any]]:
    """Return what the file system tells of all objects below a prefix, or of the object, by key."""
    path = store.path(prefix)
    with translated(path):
        found = store.filesystem.find(path, detail=True)
    # Some stores list a prefix that was emptied as an object of its own name.
    files = {name: info for name, info in found.items() if info["type"] == "file" and not name.endswith("/")}
    return {name[len(store.root) + 1 :]: info for name, info in files.items()}


def measure(store: Store, prefix: str) -> Size | None:
    """Return the size of what lies below a prefix, None where there is nothing."""
    found = list(infos(store, prefix).values())
    if not found:
        return None
    return Size(len(found), sum(int(info["size"]) for info in found), max(map(changed_s, found)))


def changed_s(info: Mapping[str, Any]) -> float:
    """Return when an object was last changed, in seconds since 1970."""
    changed = info.get("mtime", info.get("LastModified"))
    if isinstance(changed, datetime):
        return changed.replace(tzinfo=changed.tzinfo or UTC).timestamp()
    return float(changed or 0.0)
