"""Sizes: how much lies below a prefix, and how old it is."""

from __future__ import annotations

from dataclasses import dataclass

from sgddiff_batch.io.storage.store import Store


@dataclass(frozen=True, slots=True)
class Size:
    """What lies below a prefix; ``newest_s``: the last change there, in seconds since 1970."""

    objects: int
    size_bytes: int
    newest_s: float


def measure(store: Store, prefix: str) -> Size | None:
    """Return the size of what lies below a prefix, None where there is nothing."""
    found = list(store.find(prefix).values())
    if not found:
        return None
    newest_s = max(facts.modified_s or 0.0 for facts in found)
    return Size(len(found), sum(facts.size_bytes for facts in found), newest_s)
