"""A training's storage on local disk or object storage, and checkpoints read from either."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs.training.retries import retrying
from models.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from sgddiff_batch.io.ledger import Lease
from sgddiff_batch.io.reports import new_run_id
from sgddiff_batch.io.storage import Store, local_path, no_new_folders, open_store

LEASE_S = 60.0
"""After so long without a heartbeat a training of another machine counts as dead."""


@dataclass(frozen=True, slots=True)
class StoreStorage:
    """`models.storage.Storage` over a store. Raises as the store does, failures after several attempts."""

    store: Store

    def read(self, name: str) -> bytes | None:
        """The object, None where there is none."""
        try:
            return retrying(partial(self.store.read, name))
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Store an object in place of an earlier one, whole or not at all."""
        retrying(partial(self.store.write, name, data))

    def delete(self, name: str) -> None:
        """Remove an object if it is there."""
        retrying(partial(self.store.delete, name))


def lease_on(storage: str, *, alone: bool) -> Lease:
    """The lease on a training's storage, not taken yet.

    alone: whether nothing writes for it but this process.
    """
    return Lease(open_store(storage), new_run_id(), LEASE_S, alone=alone)


def read_checkpoint(name: str) -> Checkpoint:
    """Read and verify a checkpoint: "bundled", "bundled-teacher", a folder, or a prefix of object storage.

    Raises:
        CheckpointError: if it cannot be used.
        ConfigError: if a store denies it.
    """
    if local_path(name) is not None:
        return load_checkpoint(name)
    store = open_store(name)
    with tempfile.TemporaryDirectory() as folder:
        for key in retrying(store.keys):
            path = Path(folder) / Path(key).name
            if "/" not in key and path.suffix in (".json", ".safetensors"):
                path.write_bytes(retrying(partial(store.read, key)))
        if not any(Path(folder).iterdir()):
            raise CheckpointError(f"{name}: there is no checkpoint")
        return load_checkpoint(folder)


def write_probe(store: Store) -> None:
    """Write and delete an object, so that a storage that refuses is found before any work; nothing is left.

    Raises:
        ConfigError: if the store denies it, or cannot be there.
    """
    with no_new_folders(store.uri):
        retrying(partial(store.write, ".probe", b""))
        retrying(partial(store.delete, ".probe"))
