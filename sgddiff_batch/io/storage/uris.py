"""What a URI alone tells, without a store: where it lies on this machine, and how GDAL gets at it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.schemes import SCHEMES, scheme_of
from sgddiff_batch.io.storage.backend import Backend, is_loaded, load_backend
from sgddiff_batch.io.storage.local import LocalBackend
from sgddiff_batch.io.storage.store import open_store


def local_path(uri: str) -> Path | None:
    """Return a path of this machine in full, None of a URI of object storage.

    Raises:
        ConfigError: if the URI's scheme is not known.
    """
    return None if scheme_of(uri) else Path(os.path.abspath(uri))  # noqa: PTH100 - keeps links


def over_network(uri: str) -> bool:
    """Whether reading a URI asks over a network.

    Raises:
        ConfigError: if the URI's scheme is not known.
    """
    return _kind_of(uri).over_network


def credentials_found(uri: str, environment: Mapping[str, str]) -> str | None:
    """Return with which credentials a URI is asked, see :meth:`Backend.credentials_found`.

    Raises:
        ConfigError: if the URI's scheme is not known.
    """
    return _kind_of(uri).credentials_found(environment)


def _kind_of(uri: str) -> type[Backend]:
    scheme = scheme_of(uri)
    return load_backend(scheme) if scheme else LocalBackend


def gdal_path(uri: str) -> str:
    """Return the name by which GDAL opens a URI, and that it cannot take for another.

    Raises:
        UnreadableSceneError: if it cannot be asked for safely.
    """
    store = open_store(uri)
    return store.backend.gdal_path(store.root)


def gdal_settings(uri: str, access: BucketAccess, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what GDAL is told of all kinds of storage that this process uses, so that it can open a URI.

    Also of kinds that the URI is not of: GDAL shows threads that set nothing what another one set. Not of
    kinds that nobody has opened here: the clients of S3 are half a second before a local run's first tile.
    """
    # A failure must not outlive its handle, nor an old version of an object.
    settings = {"CPL_VSIL_CURL_NON_CACHED": _kind_of(uri).gdal_prefix}
    own = scheme_of(uri)
    for scheme in filter(is_loaded, SCHEMES):
        asked = access.of(uri) if scheme == own else "own"
        settings |= load_backend(scheme).gdal_settings(asked, environment)
    return settings


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
