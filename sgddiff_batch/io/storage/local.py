"""LocalBackend: the files of this machine, and of what is mounted there."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from sgddiff_batch.core.query import Access
from sgddiff_batch.io.storage import local_locks
from sgddiff_batch.io.storage.backend import PART, Backend, Listed, ObjectFacts, Versioned
from sgddiff_batch.io.storage.errors import translating

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

TEMPORARY = ".partial"
"""How the names of files end that are being written, and of locks: none of them is an object."""
_WRITE_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class LocalBackend(Backend):
    """Files by their full paths. Writes go to a temporary file first: a kill leaves the old or the new."""

    scheme: ClassVar[str] = ""
    over_network: ClassVar[bool] = False
    gdal_prefix: ClassVar[str] = ""

    @classmethod
    def opened(cls, access: Access, environment: Mapping[str, str]) -> LocalBackend:
        """As :meth:`Backend.opened`."""
        return cls()

    def translated(self, path: str) -> AbstractContextManager[None]:
        """As :meth:`Backend.translated`."""
        return translating(path)

    def read(self, path: str) -> bytes:
        """As :meth:`Backend.read`."""
        with _nothing_below_files(path):
            return Path(path).read_bytes()

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """As :meth:`Backend.read_part`."""
        with self.open(path) as file:
            file.seek(start)
            return file.read(stop - start)

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """As :meth:`Backend.read_many`."""
        for path in paths:
            with suppress(FileNotFoundError, NotADirectoryError):
                yield path, Path(path).read_bytes()

    def read_versioned(self, path: str) -> Versioned:
        """As :meth:`Backend.read_versioned`."""
        with _nothing_below_files(path):
            return local_locks.read_local(Path(path))

    def open(self, path: str) -> IO[bytes]:
        """As :meth:`Backend.open`."""
        with _nothing_below_files(path):
            return Path(path).open("rb")

    def stat(self, path: str) -> ObjectFacts | None:
        """As :meth:`Backend.stat`; what is no regular file is none."""
        try:
            return _facts(path, Path(path).stat())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def listed(self, path: str) -> Iterator[tuple[str, Listed]]:
        """As :meth:`Backend.listed`, as they are now.

        Raises:
            OSError: if a folder cannot be listed: a part is never taken for the whole.
        """
        for folder, _, names in os.walk(path, onerror=_unless_gone):
            above = _above(folder)
            for name in names:
                file = f"{above}{name}"
                with suppress(FileNotFoundError):
                    status = os.stat(file)  # noqa: PTH116 - twice as fast, and there may be many
                    facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
                    changed_s = max(status.st_mtime, status.st_ctime)
                    yield file, Listed(" ".join(map(str, facts)), status.st_size, changed_s)

    def find(self, path: str, begin: str = "") -> Iterator[ObjectFacts]:
        """As :meth:`Backend.find`."""
        files = [path] if Path(path).is_file() else _files_below(path)
        for file in files:
            if file.startswith(f"{_above(path)}{begin}" if begin else path):
                with suppress(FileNotFoundError):
                    yield from filter(None, [_facts(file, Path(file).stat())])

    def files_in(self, folder: str, wanted: Set[str], begin: str) -> list[ObjectFacts]:
        """As :meth:`Backend.files_in`; none where the folder cannot be listed."""
        try:
            present = [name for name in os.listdir(folder) if name.lower() in wanted]  # noqa: PTH208
        except (OSError, ValueError):
            return []
        found = []
        for name in present:
            with suppress(OSError, ValueError):
                found.append(self.stat(str(Path(folder) / name)))
        return [facts for facts in found if facts is not None]

    def entries(self, path: str) -> dict[str, str | None]:
        """As :meth:`Backend.entries`."""
        with _nothing_below_files(path), os.scandir(path) as listing:
            return {entry.name: _version(entry) for entry in listing if not _is_special(entry)}

    def write(self, path: str, data: bytes) -> None:
        """As :meth:`Backend.write`."""
        for attempt in range(_WRITE_ATTEMPTS):
            try:
                _write_file(Path(path), data)
                return
            except (FileNotFoundError, FileExistsError):
                # Another thread removed the folder, empty then, between its making and the write.
                if attempt == _WRITE_ATTEMPTS - 1:
                    raise

    def put(self, path: str, data: bytes, version: str | None) -> str:
        """As :meth:`Backend.put`."""
        return local_locks.put_local(Path(path), data, version)

    def delete(self, path: str, root: str) -> None:
        """As :meth:`Backend.delete`."""
        with _nothing_below_files(path):
            Path(path).unlink()
        _prune(Path(path).parent, Path(root))

    def delete_tree(self, path: str, root: str, check: Callable[[], None]) -> None:
        """As :meth:`Backend.delete_tree`. Links are removed, not followed."""
        _remove(Path(path), check)
        _prune(Path(path).parent, Path(root))

    def zarr(self, path: str, *, read_only: bool) -> ZarrStore:
        """As :meth:`Backend.zarr`."""
        from zarr.storage import LocalStore

        return LocalStore(path, read_only=read_only)

    def gdal_path(self, path: str) -> str:
        """As :meth:`Backend.gdal_path`: no folder may look like one of GDAL's own file systems."""
        return f"/.{path}" if path.startswith("/vsi") else path

    def arrow(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """As :meth:`Backend.arrow`."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem()

    def local_path(self, path: str) -> Path | None:
        """As :meth:`Backend.local_path`."""
        return Path(path)

    def is_link(self, path: str) -> bool:
        """As :meth:`Backend.is_link`."""
        return Path(path).is_symlink()

    def is_in_sight(self, path: str) -> bool:
        """As :meth:`Backend.is_in_sight`. An empty folder may be a mount point without its file system.

        Raises:
            OSError: if the folder cannot be listed, or the file not be looked at.
        """
        if not any(Path(path).parent.iterdir()):
            return False
        with suppress(FileNotFoundError):
            Path(path).stat()
        return True

    def temporary(self, path: str) -> Iterator[ObjectFacts]:
        """As :meth:`Backend.temporary`."""
        for file in sorted(Path(path).rglob(f"*{TEMPORARY}")):
            if file.is_file():
                status = file.stat()
                yield ObjectFacts(str(file), status.st_size, None, status.st_mtime)

    def sweep(self, path: str) -> None:
        """As :meth:`Backend.sweep`."""
        for file in Path(path).rglob(f"*{TEMPORARY}"):
            if not file.is_dir():
                file.unlink(missing_ok=True)


@contextmanager
def _nothing_below_files(path: str) -> Iterator[None]:
    """Say that what is asked for below a file is not there: in object storage no name is in the way.

    A file that is itself asked for as a folder is a mistake, and told as one.
    """
    try:
        yield
    except NotADirectoryError as error:
        if Path(path).exists():
            raise
        raise FileNotFoundError(f"there is no {path}") from error


def _facts(path: str, status: os.stat_result) -> ObjectFacts | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return ObjectFacts(path, status.st_size, [status.st_size, status.st_mtime_ns], status.st_mtime)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _files_below(path: str) -> Iterator[str]:
    for folder, _, names in os.walk(path, onerror=_unless_gone):
        yield from (f"{_above(folder)}{name}" for name in names)


def _above(folder: str) -> str:
    """Return what the paths of a folder's files begin with."""
    return folder if folder.endswith("/") else f"{folder}/"


def _is_special(entry: os.DirEntry[str]) -> bool:
    return Path(entry.path).exists() and not entry.is_dir() and not entry.is_file()


def _version(entry: os.DirEntry[str]) -> str | None:
    if entry.is_dir():
        return None
    try:
        status = entry.stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{path.name[:100]}.{uuid.uuid4().hex}{TEMPORARY}"
    temporary.write_bytes(data)
    temporary.replace(path)


def _remove(path: Path, check: Callable[[], None]) -> None:
    if path.is_symlink() or path.is_file():
        _unlink([path], check)
    for name, folders, files in os.walk(path, topdown=False):
        folder = Path(name)
        links = [folder / below for below in folders if (folder / below).is_symlink()]
        _unlink([*links, *(folder / file for file in files)], check)
        with suppress(FileNotFoundError):
            folder.rmdir()


def _unlink(paths: Sequence[Path], check: Callable[[], None]) -> None:
    for start in range(0, len(paths), PART):
        check()
        for path in paths[start : start + PART]:
            path.unlink(missing_ok=True)


def _prune(folder: Path, root: Path) -> None:
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
