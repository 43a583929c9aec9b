"""Folders of this machine that come with the first object below them, and are to go with the last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sgddiff_batch.io.storage.uris import local_path


@contextmanager
def no_new_folders(uri: str) -> Iterator[None]:
    """At the end, remove the folders that a URI lacked at the beginning, those in which nothing lies.

    Of object storage, which has none, nothing is removed.

    Raises:
        ConfigError: if the URI's scheme is not known.
    """
    path = local_path(uri)
    missing = [] if path is None else [each for each in (path, *path.parents) if not each.exists()]
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
