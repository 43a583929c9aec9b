"""The files of an archive as one listing shows them, local or on S3, before anybody opens one."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import Any

from sgddiff_batch.core.archive import OWN, BucketAccess
from sgddiff_batch.core.fingerprint import Json
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io import stores


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


class NoBucketError(ConfigError):
    """There is no such bucket, which is not the same as an empty one."""


def find_files(
    root_uri: str, *, depth: int | None = None, prefix: str = "", access: BucketAccess = OWN
) -> Iterator[Found]:
    """Yield what is below a folder or ``s3://bucket/prefix``, in any order.

    depth: how many levels of folders to go down, 1 being the folder itself (a saving for local folders
    only); prefix: how the paths begin (a saving on S3 only); access: how buckets are asked. Folders that end
    in .zarr are one ignored file.

    Raises:
        ConfigError: if S3 denies it, or has no such bucket.
        RetryableError: if S3 does not answer.
    """
    if stores.is_local(root_uri):
        root = Path(stores.open_store(root_uri).root)
        yield from _walk(root, root.resolve(), "", depth)
    else:
        yield from _find_objects(root_uri, prefix, access)


def inside(path: str, folder: str) -> str:
    """Join a relative path to a folder's relative path ("" for the root)."""
    return f"{folder}/{path}" if folder else path


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


def printable(path: str) -> str:
    """Return a path that can be encoded and shown on one line; bytes that are not UTF-8 become escapes."""
    decoded = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in decoded)


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


def _walk(folder: Path, root: Path, relative: str, depth: int | None) -> Iterator[Found]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        yield IgnoredFile(
            printable(relative) or ".", f"this folder cannot be listed: {error_words(error)}", lost=True
        )
        return
    for entry in entries:
        path = inside(entry.name, relative)
        if entry.is_symlink():
            yield from _linked(Path(entry.path), root, path)
        elif entry.is_dir(follow_symlinks=False):
            if entry.name.endswith(".zarr"):
                yield IgnoredFile(printable(path), "it is a Zarr store")
            elif depth is None or depth > 1:
                yield from _walk(Path(entry.path), root, path, None if depth is None else depth - 1)
        else:
            yield from filter(None, [local_file(Path(entry.path), path)])


def _linked(link: Path, root: Path, relative: str) -> Iterator[Found]:
    """Follow a link to a file of the archive; a link to anywhere else could show any file of the machine."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        yield IgnoredFile(printable(relative), "it is a broken link")
        return
    if root not in target.parents:
        yield IgnoredFile(printable(relative), "it is a link that leads out of the archive")
    elif target.is_dir():
        yield IgnoredFile(printable(relative), "it is a link to a folder of the archive, listed in its place")
    else:
        yield from filter(None, [local_file(link, relative)])


def _find_objects(root_uri: str, prefix: str, access: BucketAccess) -> Iterator[Found]:
    root = root_uri.removeprefix("s3://").strip("/")
    seen: set[str] = set()
    infos = _listed(root, lambda files: files.find(root, prefix=prefix, detail=True).values(), access)
    for info in infos:
        path = info["name"][len(root) + 1 :]
        folder, is_in_store, _ = path.partition(".zarr/")
        if is_in_store and folder not in seen:
            seen.add(folder)
            yield IgnoredFile(f"{folder}.zarr", "it is a Zarr store")
        elif not is_in_store:
            yield from _objects([info], root)


def has_folder(root: str, pattern: Sequence[str]) -> bool:
    """Whether a local folder has one that the first part of a glob matches, if that is a part for folders."""
    if len(pattern) < 2 or pattern[0] == "**":
        return True
    try:
        with os.scandir(root) as entries:
            return any(entry.is_dir() and fnmatchcase(entry.name, pattern[0]) for entry in entries)
    except OSError:
        return True  # whoever lists it tells


def list_folder(
    folder_uri: str,
    names: Sequence[str],
    wanted: Set[str],
    *,
    strict: bool = False,
    access: BucketAccess = OWN,
) -> list[ArchiveFile]:
    """Return the files right in a folder whose lower-case names are ``wanted``; none without the folder.

    names: what has to be found in any case; on S3 the listing is asked for their common beginning. strict:
    whether a bucket that is not there is an error.

    Raises:
        ConfigError, RetryableError: as :func:`find_files`.
    """
    if stores.is_local(folder_uri):
        try:
            present = [name for name in os.listdir(folder_uri) if name.lower() in wanted]  # noqa: PTH208
        except (OSError, ValueError):
            return []
        found = (local_file(Path(folder_uri) / name, name) for name in present)
        return [file for file in found if isinstance(file, ArchiveFile)]
    root = folder_uri.removeprefix("s3://").strip("/")
    stems = sorted(posixpath.splitext(name)[0] for name in names)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(stems[0], stems[-1], strict=False))
    common = "".join(first for first, _ in same)
    try:
        infos = _listed(root, lambda files: _right_in(files, root, common), access)
    except NoBucketError:
        if strict:
            raise
        return []
    return [file for file in _objects(infos, root) if file.path.lower() in wanted]


def _right_in(files: Any, root: str, common: str) -> Iterable[dict[str, Any]]:  # noqa: ANN401
    if common:
        return list(files.find(root, maxdepth=1, prefix=common, detail=True).values())
    # Without a prefix find goes on where there is no bucket.
    return list(files.ls(root, detail=True, refresh=True))


def object_file(uri: str, access: BucketAccess = OWN) -> ArchiveFile | None:
    """Return one object of S3 as a listing shows it, None where there is none.

    Raises:
        ConfigError, RetryableError: as calls of a store.
    """
    store = stores.open_store(uri, access)
    with stores.translated(store.root):
        try:
            info = store.filesystem.info(store.root)
        except FileNotFoundError:
            return None
    return next(_objects([info], posixpath.dirname(store.root)), None)


def _objects(infos: Iterable[dict[str, Any]], root: str) -> Iterator[ArchiveFile]:
    for info in infos:
        path = info["name"][len(root) + 1 :]
        if info.get("type") == "file" and path and not path.endswith("/"):
            uri, modified = f"s3://{info['name']}", info.get("LastModified")
            modified_s = modified.timestamp() if isinstance(modified, datetime) else None
            yield ArchiveFile(path, uri, int(info["size"]), _identity(info), modified_s)


def _listed(
    root: str, ask: Callable[[Any], Iterable[dict[str, Any]]], access: BucketAccess
) -> list[dict[str, Any]]:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    filesystem = stores.open_store(f"s3://{root}", access).filesystem
    try:
        return list(ask(filesystem))
    except FileNotFoundError as error:
        if "bucket does not exist" in str(error):
            raise NoBucketError(
                f"archive.uri: s3://{root} cannot be listed: there is no such bucket"
            ) from None
        return []
    except (PermissionError, NoCredentialsError) as error:
        raise ConfigError(
            f"archive.uri: s3://{root} cannot be listed: {error}; check the credentials and their rights"
        ) from None
    except (OSError, BotoCoreError, ClientError) as error:
        raise RetryableError(f"listing s3://{root} failed: {error}") from None


def _identity(info: dict[str, Any]) -> Json:
    etag = info.get("ETag")
    return str(etag).strip('"') if etag else [int(info["size"]), str(info.get("LastModified", ""))]
