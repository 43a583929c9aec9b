"""Walks through an output: which stores there are."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from sgddiff_batch.core.store_names import SUFFIX
from sgddiff_batch.io.catalogue import CATALOGUE
from sgddiff_batch.io.ledger import LEDGER
from sgddiff_batch.io.storage import Store

OUTPUTS_OWN = frozenset({LEDGER, CATALOGUE})
"""A folder in which one of these lies is an output."""

_REQUESTS = 16


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
                    if name.endswith(SUFFIX):
                        yield path
                    elif folder or not name.startswith("_"):
                        below.append(path)
            folders = below


def _folders(store: Store, folder: str) -> list[str]:
    try:
        entries = store.entries(folder)
    except FileNotFoundError:
        return []
    below = {name: f"{folder}/{name}" if folder else name for name in entries}
    # A link leads to what is not the output's.
    return [name for name, version in entries.items() if version is None and not store.is_link(below[name])]
