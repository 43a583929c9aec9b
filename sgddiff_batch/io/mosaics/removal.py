"""Removing stores: first the root says that nothing is in it, then all else goes, and the root last.

A removal that is cut short leaves neither a mosaic with holes, nor shards without a root, among which a
mosaic of another layout could be made.
"""

from __future__ import annotations

from contextlib import suppress

from sgddiff_batch.core.store_names import is_store_path
from sgddiff_batch.io.mosaics.metadata import ROOT
from sgddiff_batch.io.mosaics.root import emptied
from sgddiff_batch.io.storage import Store


def empty_root(store: Store, path: str) -> None:
    """Let a store's root say that nothing is in it: it is no mosaic any more, and no claim on it holds.

    Raises:
        ValueError: if ``path`` is not that of a mosaic below the output.
    """
    if not is_store_path(path):
        raise ValueError(f"not the path of a mosaic below an output: {path!r}")
    key, root = f"{path}/{ROOT}", b""
    with suppress(FileNotFoundError):
        root = store.read(key)
    store.write(key, emptied(root))


def remove_objects(store: Store, path: str) -> None:
    """Remove all objects of a store, its root last."""
    with suppress(FileNotFoundError):
        for name, version in store.entries(path).items():
            if version is None:
                store.delete_tree(f"{path}/{name}")
    store.delete_tree(path)
