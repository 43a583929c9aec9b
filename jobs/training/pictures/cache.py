"""Objects of training data on this node: fetched once each, whole, and read as local files from then on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from jobs.training.retries import retrying
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.storage import Store, open_store


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a store, at the version that was listed."""

    store: Store
    key: str
    version: str

    @property
    def uri(self) -> str:
        """The whole name on one line, for messages."""
        return printable(f"{self.store.uri}/{self.key}")


@dataclass(frozen=True, slots=True)
class FileCache:
    """A folder of this node; its files are named by digests, so no remote name can lead out of it.

    Workers of one node may share it at once: a file appears whole, and is the same whoever wrote it. Versions
    that were replaced in the store stay until somebody removes the folder.
    """

    folder: Path

    def local_path(self, file: StoredFile) -> Path:
        """Where the file can be read on this node; a remote one is fetched unless it is there.

        Raises:
            FileNotFoundError: if the object is gone.
            ConfigError: if the store denies it, or the folder cannot be written to.
            RetryableError: if the store failed again and again, or the disk is full.
        """
        here = file.store.local_path(file.key)
        if here is not None:
            return here
        path = self.folder / self._key(file)
        if not path.is_file():
            data = retrying(lambda: file.store.read(file.key))
            open_store(str(self.folder)).write(self._key(file), data)
        return path

    def forget(self, file: StoredFile) -> None:
        """Drop what is cached of a file: one that cannot be read may be damaged only here."""
        if file.store.local_path(file.key) is None:
            (self.folder / self._key(file)).unlink(missing_ok=True)

    def _key(self, file: StoredFile) -> str:
        identity = json.dumps([file.store.path(file.key), file.version])
        digest = hashlib.sha256(identity.encode()).hexdigest()
        return f"{digest[:2]}/{digest}"
