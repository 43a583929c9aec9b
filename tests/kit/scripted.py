"""Storage on this disk that does as a script says, for whole commands, which open their stores from URIs.

``scripted://tmp/out`` is the folder ``/tmp/out``: what is stored by one name is there by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar
from unittest.mock import patch

from sgddiff_batch.core.query import Access
from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.io.storage.backend import Backend, Listed, ObjectFacts, Versioned
from sgddiff_batch.io.storage.errors import translating
from sgddiff_batch.io.storage.local import LocalBackend
from tests.kit.faulty import FaultScript, StoreFault

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

ROW = ("scripted", "tests.kit.scripted:ScriptedBackend")

T = TypeVar("T")
_DISK = LocalBackend()
_SCRIPTS: list[FaultScript] = []


@contextmanager
def scripted(*faults: StoreFault) -> Iterator[FaultScript]:
    """Let there be storage with this script, which counts, too; its keys are paths without their first /."""
    script = FaultScript(*faults)
    with patch.dict(SCHEMES, [ROW]):
        _SCRIPTS.append(script)
        try:
            yield script
        finally:
            _SCRIPTS.remove(script)


def scripted_uri(path: Path | str) -> str:
    """The name of a folder or file of this disk by which the script is asked."""
    return f"scripted://{str(path).strip('/')}"


def scripted_output(folder: Path | str) -> tuple[str, str]:
    """The flags of a command whose output is a folder of this disk that does as the script says."""
    return "--set", f"output.uri={scripted_uri(folder)}"


def _asked(operation: str, path: str, call: Callable[[str], T]) -> T:
    return _SCRIPTS[-1].run(operation, path, lambda: call(f"/{path}"))


@dataclass(frozen=True, slots=True)
class ScriptedBackend(Backend):
    """The disk, asked by way of the newest script."""

    scheme: ClassVar[str] = "scripted"
    over_network: ClassVar[bool] = False
    gdal_prefix: ClassVar[str] = ""

    @classmethod
    def opened(cls, access: Access, environment: Mapping[str, str]) -> ScriptedBackend:
        return cls()

    def translated(self, path: str) -> AbstractContextManager[None]:
        return translating(path)

    def read(self, path: str) -> bytes:
        return _asked("read", path, _DISK.read)

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        return _asked("read_part", path, lambda here: _DISK.read_part(here, start, stop))

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for path in paths:
            found = _asked("read", path, lambda here: list(_DISK.read_many([here])))
            yield from ((path, data) for _, data in found)

    def read_versioned(self, path: str) -> Versioned:
        return _asked("read_versioned", path, _DISK.read_versioned)

    def open(self, path: str) -> IO[bytes]:
        return _asked("open", path, _DISK.open)

    def stat(self, path: str) -> ObjectFacts | None:
        found = _asked("stat", path, _DISK.stat)
        return None if found is None else _here(found)

    def listed(self, path: str) -> Iterator[tuple[str, Listed]]:
        for name, facts in _asked("listed", path, _DISK.listed):
            yield name[1:], facts

    def find(self, path: str, begin: str = "") -> Iterator[ObjectFacts]:
        yield from map(_here, _asked("find", path, lambda here: _DISK.find(here, begin)))

    def files_in(self, folder: str, wanted: Set[str], begin: str) -> list[ObjectFacts]:
        return [*map(_here, _asked("files_in", folder, lambda here: _DISK.files_in(here, wanted, begin)))]

    def entries(self, path: str) -> dict[str, str | None]:
        return _asked("entries", path, _DISK.entries)

    def write(self, path: str, data: bytes) -> None:
        _asked("write", path, lambda here: _DISK.write(here, data))

    def put(self, path: str, data: bytes, version: str | None) -> str:
        return _asked("put", path, lambda here: _DISK.put(here, data, version))

    def delete(self, path: str, root: str) -> None:
        _asked("delete", path, lambda here: _DISK.delete(here, f"/{root}"))

    def delete_tree(self, path: str, root: str, check: Callable[[], None]) -> None:
        _asked("delete_tree", path, lambda here: _DISK.delete_tree(here, f"/{root}", check))

    def zarr(self, path: str, *, read_only: bool) -> ZarrStore:
        return _DISK.zarr(f"/{path}", read_only=read_only)

    def gdal_path(self, path: str) -> str:
        return _DISK.gdal_path(f"/{path}")

    def arrow(self) -> Any:
        from pyarrow.fs import SubTreeFileSystem

        return SubTreeFileSystem("/", _DISK.arrow())

    def temporary(self, path: str) -> Iterator[ObjectFacts]:
        return map(_here, _DISK.temporary(f"/{path}"))

    def sweep(self, path: str) -> None:
        _DISK.sweep(f"/{path}")


def _here(facts: ObjectFacts) -> ObjectFacts:
    return replace(facts, path=facts.path[1:])
