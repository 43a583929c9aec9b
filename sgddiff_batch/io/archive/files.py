"""The files of an archive as one listing shows them, wherever they are, before anybody opens one."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from sgddiff_batch.core.fingerprint import Json
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive.file_names import no_archive_above
from sgddiff_batch.io.storage import ObjectFacts


@dataclass(frozen=True, slots=True)
class IgnoredFile:
    """A file that is no scene: its path relative to the archive, and why.

    ``lost`` where it may be a scene, or a folder of scenes, that the system did not let us look at.
    """

    path: str
    reason: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file: its path relative to the root it was listed from, joined by ``/``, and what it was when listed.

    ``identity`` tells its versions apart: the ETag, or [size, mtime in ns] of a local file. ``modified_s`` is
    when it was last written, in seconds since 1970, where the store says so.
    """

    path: str
    uri: str
    size_bytes: int
    identity: Json
    modified_s: float | None = None


Found = ArchiveFile | IgnoredFile

ZARR_STORE = "it is a Zarr store"
NO_ARCHIVE = "it is a folder of copies and leavings (version control, snapshots, trash, other systems)"
"""Why folders are not looked into."""

LEADS_OUT = "it is a link that leads out of the archive, to where archive.allow_folders does not name"
"""Why links are not followed."""


def local_file(path: Path, relative: str) -> Found | None:
    """Return a local file, an :class:`IgnoredFile` where it is no regular file, None where there is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        return IgnoredFile(printable(relative), f"it cannot be looked at: {error_words(error)}", lost=True)
    if not stat.S_ISREG(status.st_mode):
        return IgnoredFile(
            printable(relative), "it is a folder" if path.is_dir() else "it is no regular file"
        )
    identity: Json = [status.st_size, status.st_mtime_ns]
    return ArchiveFile(relative, str(path), status.st_size, identity, status.st_mtime)


def is_inside(real: str, folders: Iterable[str]) -> bool:
    """Whether a path without links is one of these folders, or below one of them."""
    return any(real == folder or real.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def is_unicode(path: str) -> bool:
    """Whether a path can be encoded: names of local files can hold any bytes."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def error_words(error: Exception) -> str:
    """Return the words of an operating system's error, without its number and the file name."""
    return str(getattr(error, "strerror", None) or error)


def find_objects(root_uri: str, prefix: str, access: BucketAccess) -> Iterator[Found]:
    """Yield the objects below ``s3://bucket/prefix``; what is in no archive is one ignored file a folder.

    prefix: how the paths begin.

    Raises:
        ConfigError: if the storage denies it, or has no such bucket.
        RetryableError: if it does not answer.
    """
    store = storage.open_store(root_uri, access)
    seen: set[str] = set()
    with _of_the_archive():
        found = store.find("", prefix)
    for path, facts in found.items():
        left_out = _left_out(path)
        if left_out is None:
            if path:
                yield _file(path, store.uri_of(path), facts)
        elif left_out.path not in seen:
            seen.add(left_out.path)
            yield left_out


@contextmanager
def _of_the_archive() -> Iterator[None]:
    """Name the key of the config by which a bucket was asked for that is not there, or says no."""
    try:
        yield
    except storage.BucketError as error:
        raise type(error)(error.uri, error.reason, "archive.uri: ") from None
    except ConfigError as error:
        raise ConfigError(f"archive.uri: {error}") from None


def _left_out(path: str) -> IgnoredFile | None:
    """Return the folder by which an object is in no archive, None where it is in one."""
    before, is_in_store, _ = path.partition(".zarr/")
    folder = no_archive_above(path)
    if folder is not None and not (is_in_store and len(before) < len(folder)):
        return IgnoredFile(printable(folder), NO_ARCHIVE)
    return IgnoredFile(printable(f"{before}.zarr"), ZARR_STORE) if is_in_store else None


def list_folder(
    folder_uri: str,
    names: Sequence[str],
    wanted: Set[str],
    *,
    access: BucketAccess = OWN,
) -> list[ArchiveFile]:
    """Return the files right in a folder whose lower-case names are ``wanted``; none without the folder.

    names: what has to be found in any case; on S3 the listing is asked for their common beginning.

    Raises:
        ConfigError, RetryableError: as :func:`find_files`.
    """
    stems = sorted(posixpath.splitext(name)[0] for name in names)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(stems[0], stems[-1], strict=False))
    store = storage.open_store(folder_uri, access)
    with _of_the_archive():
        found = store.files_in(wanted, "".join(first for first, _ in same))
    return [_file(name, store.uri_of(name), facts) for name, facts in found.items()]


def file_at(uri: str, access: BucketAccess = OWN) -> Found | None:
    """Return one file as a listing shows it, None where there is none.

    Raises:
        ConfigError, RetryableError: as calls of a store.
    """
    name, path = posixpath.basename(uri), storage.local_path(uri)
    if path is not None:
        return local_file(Path(uri), name)
    facts = storage.open_store(uri, access).stat()
    return None if facts is None else _file(name, uri, facts)


def fetched_at(uri: str, access: BucketAccess = OWN) -> tuple[ArchiveFile, bytes]:
    """Return a remote file as a listing shows it, but for its time, and its bytes, by one request.

    Its identity is the ETag that came with the bytes; a store that sends none is asked once more.

    Raises:
        FileNotFoundError: if there is none.
        ConfigError, RetryableError: as calls of a store.
    """
    store = storage.open_store(uri, access)
    found = store.read_versioned("")
    identity: Json = found.version.strip('"')
    if not identity:  # a store without ETags: what it says of the object afterwards
        facts = store.stat()
        identity = None if facts is None else facts.identity
    return ArchiveFile(posixpath.basename(uri), uri, len(found.data), identity), found.data


def _file(path: str, uri: str, facts: ObjectFacts) -> ArchiveFile:
    return ArchiveFile(path, uri, facts.size_bytes, facts.identity, facts.modified_s)
