"""A kind of storage of its own, in the memory of this process: what a new scheme takes, in one file.

``monkeypatch.setitem(SCHEMES, *ROW)`` is its row.
"""

from __future__ import annotations

import io
import posixpath
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, ClassVar

from rasterio.io import MemoryFile
from zarr.core.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.query import Access
from sgddiff_batch.io.storage.backend import Backend, Listed, ObjectFacts, Versioned
from sgddiff_batch.io.storage.errors import RefusedError, translating

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

ROW = ("mem", "tests.kit.memory:MemoryBackend")


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    changed_s: float

    @property
    def version(self) -> str:
        return bytes_digest(self.data)


_OBJECTS: dict[str, _Object] = {}
_SEEN_BY_GDAL: dict[tuple[str, str], MemoryFile] = {}
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class MemoryBackend(Backend):
    """Objects of this process, by their paths."""

    scheme: ClassVar[str] = "mem"
    over_network: ClassVar[bool] = False
    gdal_prefix: ClassVar[str] = "/vsimem/"

    @classmethod
    def opened(cls, access: Access, environment: Mapping[str, str]) -> MemoryBackend:
        return cls()

    def translated(self, path: str) -> AbstractContextManager[None]:
        return translating(path)

    def read(self, path: str) -> bytes:
        found = _OBJECTS.get(path)
        if found is None:
            raise FileNotFoundError(f"there is no {path}")
        return found.data

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        return self.read(path)[start:stop]

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return ((path, found.data) for path in paths if (found := _OBJECTS.get(path)) is not None)

    def read_versioned(self, path: str) -> Versioned:
        data = self.read(path)
        return Versioned(data, bytes_digest(data))

    def open(self, path: str) -> IO[bytes]:
        return io.BytesIO(self.read(path))

    def stat(self, path: str) -> ObjectFacts | None:
        found = _OBJECTS.get(path)
        return None if found is None else _facts(path, found)

    def listed(self, path: str) -> Iterator[tuple[str, Listed]]:
        for name, found in _below(path):
            yield name, Listed(found.version, len(found.data), found.changed_s)

    def find(self, path: str, begin: str = "") -> Iterator[ObjectFacts]:
        at = [(path, _OBJECTS[path])] if path in _OBJECTS and not begin else []
        below = (one for one in _below(path) if one[0].startswith(f"{path}/{begin}"))
        return (_facts(*one) for one in (*at, *below))

    def files_in(self, folder: str, wanted: Set[str], begin: str) -> list[ObjectFacts]:
        return [
            _facts(name, found)
            for name, found in _below(folder)
            if posixpath.dirname(name) == folder and posixpath.basename(name).lower() in wanted
        ]

    def entries(self, path: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for name, one in _below(path):
            first, _, rest = name[len(path) + 1 :].partition("/")
            found[first] = None if rest else one.version
        if not found:
            raise FileNotFoundError(f"there is nothing below {path}")
        return found

    def write(self, path: str, data: bytes) -> None:
        with _LOCK:
            _OBJECTS[path] = _Object(data, time.time())

    def put(self, path: str, data: bytes, version: str | None) -> str:
        with _LOCK:
            found = _OBJECTS.get(path)
            if (None if found is None else found.version) != version:
                raise RefusedError
            _OBJECTS[path] = _Object(data, time.time())
        return bytes_digest(data)

    def delete(self, path: str, root: str) -> None:
        with _LOCK:
            if _OBJECTS.pop(path, None) is None:
                raise FileNotFoundError(f"there is no {path}")

    def delete_tree(self, path: str, root: str, check: Callable[[], None]) -> None:
        for name in [path, *(name for name, _ in _below(path))]:
            check()
            with _LOCK:
                _OBJECTS.pop(name, None)

    def zarr(self, path: str, *, read_only: bool) -> ZarrStore:
        objects = {name[len(path) + 1 :]: Buffer.from_bytes(found.data) for name, found in _below(path)}
        return MemoryStore(objects, read_only=read_only)

    def gdal_path(self, path: str) -> str:
        data = self.read(path)
        with _LOCK:
            key = (path, bytes_digest(data))
            if key not in _SEEN_BY_GDAL:
                folder = f"{key[1]}/{posixpath.dirname(path)}"
                _SEEN_BY_GDAL[key] = MemoryFile(data, dirname=folder, filename=posixpath.basename(path))
        return str(_SEEN_BY_GDAL[key].name)

    def arrow(self) -> Any:
        raise NotImplementedError("Ray's workers would not see it: they are other processes")


def _below(path: str) -> list[tuple[str, _Object]]:
    with _LOCK:
        return [(name, _OBJECTS[name]) for name in sorted(_OBJECTS) if name.startswith(f"{path}/")]


def _facts(path: str, found: _Object) -> ObjectFacts:
    return ObjectFacts(path, len(found.data), found.version, found.changed_s)
