"""Where a training keeps its state and its checkpoints: whole objects under names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """Objects under relative names joined by `/`. A kill leaves the old object or the new one."""

    def read(self, name: str) -> bytes | None:
        """The object, None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Store an object in place of an earlier one, whole or not at all."""

    def delete(self, name: str) -> None:
        """Remove an object if it is there."""


class FolderStorage:
    """A folder of this machine; it is made with the first object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> bytes | None:
        """The object, None where there is none."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Store an object in place of an earlier one, whole or not at all."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(data)
        fresh.replace(path)

    def delete(self, name: str) -> None:
        """Remove an object if it is there."""
        (self.folder / name).unlink(missing_ok=True)


class Below:
    """The part of a storage below a prefix."""

    def __init__(self, storage: Storage, prefix: str) -> None:
        self.storage, self.prefix = storage, prefix

    def read(self, name: str) -> bytes | None:
        """The object, None where there is none."""
        return self.storage.read(f"{self.prefix}/{name}")

    def write(self, name: str, data: bytes) -> None:
        """Store an object in place of an earlier one, whole or not at all."""
        self.storage.write(f"{self.prefix}/{name}", data)

    def delete(self, name: str) -> None:
        """Remove an object if it is there."""
        self.storage.delete(f"{self.prefix}/{name}")
