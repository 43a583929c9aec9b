"""Store: a folder or an object-storage prefix, read and written as whole objects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.schemes import scheme_of
from sgddiff_batch.io.storage.backend import Backend, Listed, ObjectFacts, Versioned, load_backend
from sgddiff_batch.io.storage.columns import table_of
from sgddiff_batch.io.storage.conditional_writes import settled
from sgddiff_batch.io.storage.local import TEMPORARY, LocalBackend

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore


def _nothing() -> None:
    """Let every change pass."""


@dataclass(frozen=True, slots=True)
class Store:
    """Objects below one root. Keys are relative and joined by ``/``; writing an object replaces it at once.

    ``check`` is called before each change, and may raise: see :meth:`guarded`.
    """

    root: str
    backend: Backend
    check: Callable[[], None] = field(default=_nothing, kw_only=True)

    @property
    def uri(self) -> str:
        """The root as users write it."""
        return self.uri_of("")

    def uri_of(self, key: str) -> str:
        """Return a key as users write it."""
        scheme = self.backend.scheme
        return f"{scheme}://{self.path(key)}" if scheme else self.path(key)

    @property
    def over_network(self) -> bool:
        """Whether a question is a request, whose answer may be cut off, or not come."""
        return self.backend.over_network

    def path(self, key: str) -> str:
        """Return the file system's own path of a key."""
        return f"{self._above_keys}{key}" if key else self.root

    @property
    def _above_keys(self) -> str:
        """What the path of each key begins with; the root of a file system ends in its ``/`` already."""
        return self.root if self.root.endswith("/") else f"{self.root}/"

    def local_path(self, key: str = "") -> Path | None:
        """Return the file of this machine that an object is; None of an object of anything else."""
        return self.backend.local_path(self.path(key))

    def web_url(self, key: str = "") -> str | None:
        """Return the address by which browsers ask for an object; None where they cannot."""
        with self.translated(key) as path:
            return self.backend.web_url(path)

    def guarded(self, check: Callable[[], None]) -> Store:
        """Return this store, with ``check`` called before each change; what it raises passes."""
        return changed(self, check=check)

    def write(self, key: str, data: bytes, content_type: str = "") -> None:
        """Store an object, whole or not at all.

        content_type: what browsers are told that it is, where the storage keeps that.

        Raises (as every call of a store):
            ConfigError: if the store denies it, or cannot be there: no bucket, a file in the way.
            RetryableError: if the store failed.
        """
        self.check()
        with self.translated(key) as path:
            if content_type:
                self.backend.write_typed(path, data, content_type)
            else:
                self.backend.write(path, data)

    def read(self, key: str) -> bytes:
        """Return an object.

        Raises:
            FileNotFoundError: if there is none.
        """
        with self.translated(key) as path:
            return self.backend.read(path)

    def read_part(self, key: str, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop) of an object, fewer where it ends before.

        Raises:
            FileNotFoundError: if there is none.
        """
        with self.translated(key) as path:
            return self.backend.read_part(path, start, stop)

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        """Yield an object to be read here and there; what fails inside the ``with`` is translated."""
        with self.translated(key) as path, self.backend.open(path) as file:
            yield file

    def read_versioned(self, key: str) -> Versioned:
        """Return an object with the version that :meth:`replace` asks for.

        Raises:
            FileNotFoundError: if there is none.
        """
        with self.translated(key) as path:
            return self.backend.read_versioned(path)

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
        self.check()

        def put() -> str:
            with self.translated(key) as path:
                return self.backend.put(path, data, version)

        return settled(put, lambda: self.read_versioned(key), data, version)

    def read_all(self, prefix: str) -> dict[str, bytes]:
        """Return all objects below a prefix by key; remote ones are fetched at the same time."""
        return self.read_many(self.keys(prefix))

    def read_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return objects by key, remote ones fetched at the same time.

        One that is not there is left out: another process may take it away, its mark of reading, between a
        listing and here.
        """
        with self.translated(""):
            fetched = self.backend.read_many([self.path(key) for key in keys])
            return {self._key(path): data for path, data in fetched}

    def _key(self, path: str) -> str:
        """Return the key of a path below the root."""
        return path[len(self._above_keys) :]

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects below a prefix, sorted; temporary files are left out."""
        return sorted(self.listed(prefix))

    def listed(self, prefix: str = "") -> dict[str, Listed]:
        """Return what a listing tells of all objects below a prefix, by key; temporary files are left out."""
        with self.translated(prefix) as path:
            # Some stores list a prefix that was emptied as an object of its own name.
            return {
                self._key(name): facts
                for name, facts in self.backend.listed(path)
                if not name.endswith((TEMPORARY, "/"))
            }

    def listed_columns(self, prefix: str = "") -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return what :meth:`listed` tells as a ``pyarrow.Table``, a row an object, in no order.

        Columns: key (string), version (string, null where it is None), size_bytes (int64) and changed_s
        (float64). A million rows take a few seconds.
        """
        with self.translated(prefix) as path:
            cut = len(self._above_keys)
            return table_of(self.backend.listed_parts(path), cut, (TEMPORARY, "/"))

    def find(self, prefix: str = "", begin: str = "") -> dict[str, ObjectFacts]:
        """Return what is known of all objects at a prefix or below it, by key, temporary files included.

        begin: how their names begin, from the prefix on.
        """
        with self.translated(prefix) as path:
            return {self._key(facts.path): facts for facts in self.backend.find(path, begin)}

    def find_each(self, prefix: str = "", begin: str = "") -> Iterator[tuple[str, ObjectFacts]]:
        """Yield what :meth:`find` tells of all objects below a prefix, while they are being listed."""
        with self.translated(prefix) as path:
            for facts in self.backend.find_each(path, begin):
                yield self._key(facts.path), facts

    def files_in(self, wanted: Set[str], begin: str) -> dict[str, ObjectFacts]:
        """Return the objects right in the root whose lower-case names are ``wanted``, by name.

        begin: how all their names begin, in the case of one listing.
        """
        with self.translated("") as path:
            return {self._key(facts.path): facts for facts in self.backend.files_in(path, wanted, begin)}

    def stat(self, key: str = "") -> ObjectFacts | None:
        """Return what is known of an object, None where there is none."""
        with self.translated(key) as path:
            return self.backend.stat(path)

    def entries(self, prefix: str = "") -> dict[str, str | None]:
        """Return what lies right in a folder, by name: an object's version, None for a folder.

        A version is the ETag where the store has one, else the size and the time of the last change; it is
        empty where there is only a broken link. Pipes and devices are left out: reading them may hang.

        Raises:
            FileNotFoundError: if there is no such folder.
        """
        with self.translated(prefix) as path:
            return self.backend.entries(path)

    def is_link(self, key: str) -> bool:
        """Whether a folder or object leads somewhere else."""
        return self.backend.is_link(self.path(key))

    def is_in_sight(self) -> bool:
        """Whether the folder of the root shows what is there; one of a disk that is not mounted does not.

        Raises:
            OSError: if the folder cannot be listed.
        """
        return self.backend.is_in_sight(self.root)

    def delete(self, key: str) -> None:
        """Remove an object if it is there, and the local folders that it leaves empty."""
        self.check()
        try:
            with self.translated(key) as path:
                self.backend.delete(path, self.root)
        except FileNotFoundError:
            return

    def delete_tree(self, prefix: str) -> None:
        """Remove everything below a prefix, temporary files included, ``check``ed in small parts."""
        self.check()
        with self.translated(prefix) as path:
            self.backend.delete_tree(path, self.root, self.check)

    def temporary(self) -> Iterator[tuple[str, ObjectFacts]]:
        """Yield, by key, what writers left that were killed, and locks of those that live."""
        for facts in self.backend.temporary(self.root):
            yield self._key(facts.path), facts

    def sweep_temporary(self, prefix: str) -> None:
        """Remove the temporary files that killed writers left below a prefix."""
        self.check()
        self.backend.sweep(self.path(prefix))

    def zarr(self, key: str, *, read_only: bool = False) -> ZarrStore:
        """Return the zarr store at a key."""
        return self.backend.zarr(self.path(key), read_only=read_only)

    def arrow(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return the file system by which pyarrow reads and writes :meth:`path`."""
        return self.backend.arrow()

    @contextmanager
    def translated(self, key: str) -> Iterator[str]:
        """Yield a key's path; what clients raise inside the ``with`` becomes our errors, as in every call."""
        path = self.path(key)
        with self.backend.translated(path):
            yield path


def open_store(uri: str, access: BucketAccess = OWN) -> Store:
    """Open a folder or ``s3://bucket/prefix``, asked as ``access`` says; nothing is created or checked.

    Raises:
        ConfigError: if the URI's scheme is not known.
    """
    scheme = scheme_of(uri)
    if not scheme:
        return Store(os.path.abspath(uri), LocalBackend())  # noqa: PTH100 - keeps links
    backend = load_backend(scheme).opened(access.of(uri), os.environ)
    return Store(uri.partition("://")[2].strip("/"), backend)
