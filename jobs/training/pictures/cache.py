"""Objects of training data on this node: fetched once each, whole, and read as local files from then on."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sgddiff_batch.core import retrying as core_retrying
from sgddiff_batch.core.retrying import RetryBudget, Spent
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.storage import Store, open_store

log = logging.getLogger(__name__)
T = TypeVar("T")

BUDGET = RetryBudget()
"""How often a call to the store is made; there is no limit over all calls: training cannot go on without."""


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
        if file.store.is_local:
            return Path(file.store.path(file.key))
        path = self.folder / self._key(file)
        if not path.is_file():
            data = retrying(lambda: file.store.read(file.key))
            open_store(str(self.folder)).write(self._key(file), data)
        return path

    def forget(self, file: StoredFile) -> None:
        """Drop what is cached of a file: one that cannot be read may be damaged only here."""
        if not file.store.is_local:
            (self.folder / self._key(file)).unlink(missing_ok=True)

    def _key(self, file: StoredFile) -> str:
        identity = json.dumps([file.store.path(file.key), file.version])
        digest = hashlib.sha256(identity.encode()).hexdigest()
        return f"{digest[:2]}/{digest}"


def retrying(
    call: Callable[[], T],
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] | None = None,
) -> T:
    """Call again, after longer and longer pauses, while it raises RetryableError; the last one passes.

    ``draw`` is the source of jitter: by default none that training seeds.
    """
    drawn = draw or random.SystemRandom().random

    def tell(pause_s: float, error: RetryableError) -> None:
        log.warning("trying again in %.1f s: %s", pause_s, printable(str(error)))

    def pause_s(failures: int) -> float | None:
        return BUDGET.pause_s(failures, drawn(), Spent(), Spent())

    return core_retrying.retrying(call, pause_s, sleep, tell)
