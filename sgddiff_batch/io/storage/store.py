"""Store: a folder or an object-storage prefix, read and written as whole objects."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import botocore.exceptions as boto
import fsspec
from botocore.parsers import ResponseParserError

from sgddiff_batch.core.archive import OWN, BucketAccess
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage import conditional_writes
from sgddiff_batch.io.storage.conditional_writes import Versioned
from sgddiff_batch.io.storage.listings import (
    Listed,
    entries_local,
    entries_s3,
    fetch_local,
    fetch_s3,
    list_local,
    list_s3,
)
from sgddiff_batch.io.storage.removals import remove_local, remove_s3
from sgddiff_batch.io.storage.s3_client import s3_client

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

_TEMPORARY = ".partial"
_SCHEMES = ("s3",)
_WRITE_ATTEMPTS = 20
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LOGIN = re.compile(r"://[^/\s@]*@")


@dataclass(frozen=True, slots=True)
class Store:
    """Objects below one root. Keys are relative and joined by ``/``; writing an object replaces it at once.

    Local writes go to a temporary file first, so that a kill leaves the old object or the new one.
    """

    root: str
    filesystem: Any
    is_local: bool

    @property
    def uri(self) -> str:
        """The root as users write it."""
        return self.root if self.is_local else f"s3://{self.root}"

    def path(self, key: str) -> str:
        """Return the file system's own path of a key."""
        return f"{self.root}/{key}" if key else self.root

    def write(self, key: str, data: bytes) -> None:
        """Store an object, whole or not at all.

        Raises (as every call of a store):
            ConfigError: if the store denies it, or cannot be there: no bucket, a file in the way.
            RetryableError: if the store failed.
        """
        with translated(self.path(key)):
            if self.is_local:
                self._write_local(key, data)
            else:
                self.filesystem.pipe_file(self.path(key), data)

    def _write_local(self, key: str, data: bytes) -> None:
        for attempt in range(_WRITE_ATTEMPTS):
            try:
                _write_file(Path(self.path(key)), data)
                return
            except (FileNotFoundError, FileExistsError):
                # Another thread removed the folder, empty then, between its making and the write.
                if attempt == _WRITE_ATTEMPTS - 1:
                    raise

    def read(self, key: str) -> bytes:
        """Return an object.

        Raises:
            FileNotFoundError: if there is none.
        """
        with translated(self.path(key)):
            if self.is_local:
                return _read_file(Path(self.path(key)))
            # One request: with more at once, s3fs asks for the size first.
            data: bytes = self.filesystem.cat_file(self.path(key), max_concurrency=1)
        return data

    def read_versioned(self, key: str) -> Versioned:
        """Return an object with the version that :meth:`replace` asks for.

        Raises:
            FileNotFoundError: if there is none.
        """
        path = self.path(key)
        with translated(path):
            if self.is_local:
                return conditional_writes.read_local(Path(path))
            return conditional_writes.read_s3(self.filesystem, path)

    def create(self, key: str, data: bytes) -> str | None:
        """Store an object if there is none; return its version, or None if there was one.

        Of many callers one wins. ``data`` must be the caller's alone (a write id inside): that is how a write
        is known again whose reply was lost.
        """
        return self._put_if(key, data, None)

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        """Replace an object if it still has ``version``; return its new one, or None if it had not.

        As :meth:`create`: one of many wins, and ``data`` must be the caller's alone.
        """
        return self._put_if(key, data, version)

    def _put_if(self, key: str, data: bytes, version: str | None) -> str | None:
        path = self.path(key)

        def put() -> str:
            with translated(path):
                if self.is_local:
                    return conditional_writes.put_local(Path(path), data, version)
                return conditional_writes.put_s3(self.filesystem, path, data, version)

        return conditional_writes.settled(put, lambda: self.read_versioned(key), data, version)

    def read_all(self, prefix: str) -> dict[str, bytes]:
        """Return all objects below a prefix by key; remote ones are fetched at the same time."""
        return self.read_many(self.keys(prefix))

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return objects by key, remote ones fetched at the same time.

        One that is not there is left out: another process may take it away, its mark of reading, between a
        listing and here.
        """
        with translated(self.root):
            paths = [self.path(key) for key in keys]
            fetched = fetch_local(paths) if self.is_local else fetch_s3(self.filesystem, paths)
            return {path[len(self.root) + 1 :]: data for path, data in fetched}

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects below a prefix, sorted; temporary files are left out."""
        return sorted(self.listed(prefix))

    def listed(self, prefix: str = "") -> dict[str, Listed]:
        """Return what a listing tells of all objects below a prefix, by key; temporary files are left out."""
        path = self.path(prefix)
        with translated(path):
            found = list_local(path) if self.is_local else list_s3(self.filesystem, path)
            # Some stores list a prefix that was emptied as an object of its own name.
            return {
                name[len(self.root) + 1 :]: facts
                for name, facts in found
                if not name.endswith((_TEMPORARY, "/"))
            }

    def entries(self, prefix: str = "") -> dict[str, str | None]:
        """Return what lies right in a folder, by name: an object's version, None for a folder.

        A version is the ETag where the store has one, else the size and the time of the last change; it is
        empty where there is only a broken link. Pipes and devices are left out: reading them may hang.

        Raises:
            FileNotFoundError: if there is no such folder.
        """
        path = self.path(prefix)
        with translated(path):
            return entries_local(path) if self.is_local else entries_s3(self.filesystem, path)

    def delete(self, key: str) -> None:
        """Remove an object if it is there, and the local folders that it leaves empty."""
        try:
            with translated(self.path(key)):
                self.filesystem.rm_file(self.path(key))
        except FileNotFoundError:
            return
        if self.is_local:
            self._prune(Path(self.path(key)).parent)

    def delete_tree(self, prefix: str) -> None:
        """Remove everything below a prefix, temporary files included."""
        self._delete_tree(prefix, lambda: None)

    def _delete_tree(self, prefix: str, check: Callable[[], None]) -> None:
        with translated(self.path(prefix)):
            if self.is_local:
                remove_local(Path(self.path(prefix)), check)
                self._prune(Path(self.path(prefix)).parent)
            else:
                remove_s3(self.filesystem, self.path(prefix), check)

    def sweep_temporary(self, prefix: str) -> None:
        """Remove the temporary files that killed writers left below a local prefix."""
        if self.is_local:
            for path in Path(self.path(prefix)).rglob(f"*{_TEMPORARY}"):
                path.unlink(missing_ok=True)

    def zarr(self, key: str, *, read_only: bool = False) -> ZarrStore:
        """Return the zarr store at a key."""
        if self.is_local:
            from zarr.storage import LocalStore

            return LocalStore(self.path(key), read_only=read_only)
        from zarr.storage import FsspecStore

        # Opened as this store was: else fsspec hands out whatever client it made first, for any endpoint.
        options = dict(self.filesystem.storage_options)
        return FsspecStore.from_url(f"s3://{self.path(key)}", options, read_only=read_only)

    def _prune(self, folder: Path) -> None:
        root = Path(self.root)
        while folder != root and root in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


_NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ProfileNotFound)
_FAILED = (OSError, boto.BotoCoreError, boto.ClientError, aiohttp.ClientError, ResponseParserError)
_NOT_THERE_EVER = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
"""Denied, or a file in the way of a folder: trying again does not help."""


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn what a file system raises into our errors; FileNotFoundError is an answer, and passes."""
    try:
        yield
    except FileNotFoundError as error:
        if "bucket does not exist" in str(error):
            raise ConfigError(f"{path}: {_words(error)}") from error
        raise
    except (*_NOT_THERE_EVER, *_NO_CREDENTIALS) as error:
        raise ConfigError(f"{path}: {_words(error)}") from error
    except _FAILED as error:
        raise RetryableError(f"{path}: {_words(error)}") from error


def _words(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _LOGIN.sub("://***@", " ".join(str(text).split()))


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except NotADirectoryError as error:
        raise FileNotFoundError(f"there is no {path}") from error


def _write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{path.name[:100]}.{uuid.uuid4().hex}{_TEMPORARY}"
    temporary.write_bytes(data)
    temporary.replace(path)


def is_local(uri: str) -> bool:
    """Whether a URI is a path of this machine.

    Raises:
        ConfigError: if it has a scheme that this project does not speak, or another spelling of one.
    """
    scheme = _SCHEME.match(uri)
    if scheme and scheme[1] not in _SCHEMES:
        raise ConfigError(f"{uri!r} starts with {scheme[1]}://; allowed are local paths and s3://")
    return not scheme


def open_store(uri: str, access: BucketAccess = OWN) -> Store:
    """Open a folder or ``s3://bucket/prefix``, asked as ``access`` says; nothing is created or checked.

    Raises:
        ConfigError: if the URI's scheme is not known.
    """
    if is_local(uri):
        return Store(os.path.abspath(uri), fsspec.filesystem("file"), True)  # noqa: PTH100 - keeps links
    return Store(uri.removeprefix("s3://").rstrip("/"), s3_client(access.of(uri), os.environ), False)
