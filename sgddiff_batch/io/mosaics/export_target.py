"""Where an export is written to: a file or an object, there whole or not at all, that says of what it is.

A local file is made in a folder beside its place and renamed; what is on object storage is made in this
machine's temporary folder and put. A folder that a killed export left beside a file goes when the next one
calls :func:`clear_up`.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, cast

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage import Store, local_path, open_store

MARK = "SGDDIFF_MOSAIC"
"""The tag, or the text, by which an export names its mosaic and how it was made: see :func:`mark_of`."""

MARK_BYTES = 16 * 2**10
"""So far at most into a file its mark lies: before all pixels, and before the places of a COG's tiles."""

_PART, _LOCK = ".partial", "lock"
_SETTLED_S = 60.0
_WHOLE_BYTES = 128 * 2**20
"""More than the clients of object storage send as one part; what is larger they slice."""
_SIDECAR = ".aux.xml"


class Export(Protocol):
    """One format that mosaics are written in."""

    @property
    def suffix(self) -> str:
        """What the names of its files end in."""

    def mark(self, mosaic_uri: str) -> str:
        """Return what the export of a mosaic is marked with."""

    def marked(self, beginning: bytes) -> str | None:
        """Return the mark of a file that begins so, None of what has none or is of no such format.

        beginning: the first :data:`MARK_BYTES` of it, or all.
        """

    def write(self, mosaic_uri: str, target_uri: str) -> None:
        """Write a mosaic to a file or an object, whole or not at all.

        Raises:
            FatalError: if the mosaic is damaged.
            ConfigError: if a URI has a scheme that is not known, or the target cannot be written to.
            FileNotFoundError: if there is no mosaic, or no folder to write to.
            ValueError: if the mosaic is not complete.
            OSError, RetryableError: if the file cannot be made, or a store failed.
        """


def mark_of(mosaic_uri: str, made: str) -> str:
    """Return what an export of a mosaic is marked with: the name of its store, and how it was ``made``.

    A store's name holds the version of its scene and the run key, so another mosaic has another mark.
    """
    return f"{mosaic_uri.rstrip('/').rpartition('/')[2]} {made}"


@contextmanager
def made_whole(target_uri: str | Path) -> Iterator[Path]:
    """Yield the local file to make; at the end it takes its place, with its ``.aux.xml`` if there is one.

    If the body fails, what was at the place stays, and nothing is left beside it.

    Raises:
        ConfigError: if the URI has a scheme that is not known, is a folder, or the store denies the write.
        FileNotFoundError: if there is no folder to write to.
        OSError, RetryableError: if the file cannot be made, or the store failed.
    """
    target = _checked(str(target_uri))
    with _making_folder(target) as folder:
        made = folder / "made"
        yield made
        sidecar = Path(f"{made}{_SIDECAR}")
        if target is None:
            _put(str(target_uri), made, sidecar)
        else:
            _rename(target, made, sidecar)


def _checked(uri: str) -> Path | None:
    """Return the path of a local target, whose folder is there; None of one on object storage."""
    target = local_path(uri)
    if uri.endswith("/") or (target is not None and target.is_dir()):
        raise ConfigError(f"an export needs the name of a file, and {uri!r} is a folder")
    if target is None:
        return None
    if target.exists() and not target.is_file():
        raise ConfigError(f"an export would take the place of {uri!r}, which is no file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(target.parent)!r} to write {target.name!r} to")
    return target


@contextmanager
def _making_folder(target: Path | None) -> Iterator[Path]:
    """Yield an empty folder to make a file in, on the disk of its target; it is removed at the end."""
    if target is None:
        with tempfile.TemporaryDirectory(prefix="sgddiff-export.") as name:
            yield Path(name)
        return
    try:
        folder = tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{_begin(target)}.", suffix=_PART)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None  # its name is nobody's own
    with folder as name, (Path(name) / _LOCK).open("wb") as lock:
        with suppress(OSError):  # where files cannot be locked, nobody can tell that a folder is left over
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def _begin(target: Path) -> str:
    """Return what the name of the folder that a file is made in has before its last two dots."""
    return f".{target.name[:100]}"


def clear_up(targets: Iterable[str | Path]) -> None:
    """Remove what killed exports of files left beside them; a local folder is listed once for all its files.

    Raises:
        ConfigError: if a URI has a scheme that is not known.
    """
    begins: defaultdict[Path, set[str]] = defaultdict(set)
    for target in targets:
        if (path := local_path(str(target))) is not None:
            begins[path.parent].add(_begin(path))
    for parent, of_files in begins.items():
        _sweep(parent, of_files)


def _sweep(parent: Path, begins: Set[str]) -> None:
    """Remove folders in which files were made, and whose lock nobody holds any more."""
    try:
        made = [each for each in parent.iterdir() if each.name.endswith(_PART)]
    except OSError:  # it is not there yet, or shows nobody what is in it
        return
    for folder in made:
        if folder.name.removesuffix(_PART).rpartition(".")[0] not in begins:
            continue
        with suppress(OSError), (folder / _LOCK).open("rb") as lock:
            is_settled = time.time() - os.fstat(lock.fileno()).st_mtime > _SETTLED_S
            if is_settled:  # a younger one may be between its making and its lock
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


def _rename(target: Path, made: Path, sidecar: Path) -> None:
    beside = Path(f"{target}{_SIDECAR}")
    if sidecar.exists():
        sidecar.replace(beside)
    else:
        beside.unlink(missing_ok=True)
    made.replace(target)


def _put(uri: str, made: Path, sidecar: Path) -> None:
    folder, _, name = uri.rpartition("/")
    store = open_store(folder)
    if sidecar.exists():
        _put_file(store, f"{name}{_SIDECAR}", sidecar)
    else:
        store.delete(f"{name}{_SIDECAR}")
    _put_file(store, name, made)


def _put_file(store: Store, key: str, file: Path) -> None:
    if file.stat().st_size <= _WHOLE_BYTES:
        store.write(key, file.read_bytes())
        return
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        store.write(key, cast(bytes, mapped))
