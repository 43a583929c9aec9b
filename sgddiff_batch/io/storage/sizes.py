"""Sizes: how much lies below a prefix, and how old it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sgddiff_batch.io.storage.store import Store, translated


@dataclass(frozen=True, slots=True)
class Size:
    """What lies below a prefix; ``newest_s``: the last change there, in seconds since 1970."""

    objects: int
    size_bytes: int
    newest_s: float


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
