"""The files of an archive as one listing shows them, local or on S3, before anybody opens one."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from sgddiff_batch.core.fingerprint import Json
from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.core.words import printable
from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io import storage
from sgddiff_batch.io.archive.file_names import no_archive_above
from sgddiff_batch.io.storage import code_of


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

_DENIED = ("AccessDenied", "AllAccessDisabled", "403")
"""S3's codes of a bucket that says no. Those of wrong or expired credentials are others, of all buckets."""


class BucketError(ConfigError):
    """A bucket that is not there, or says no; ``reason`` says which, without what was asked of it."""

    def __init__(self, root: str, reason: str) -> None:
        super().__init__(f"archive.uri: s3://{root} cannot be listed: {reason}")
        self.reason = reason


class NoBucketError(BucketError):
    """There is no such bucket, which is not the same as an empty one."""


class ClosedBucketError(BucketError):
    """The bucket denies it to the credentials that it was asked with, which are good ones."""


def bucket_of(uri: str) -> str:
    """Return the bucket of an s3:// URI, "" of what is local."""
    return uri.removeprefix("s3://").partition("/")[0] if uri.startswith("s3://") else ""


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
        ConfigError: if S3 denies it, or has no such bucket.
        RetryableError: if S3 does not answer.
    """
    root = root_uri.removeprefix("s3://").strip("/")
    seen: set[str] = set()
    infos = _listed(root, lambda files: files.find(root, prefix=prefix, detail=True).values(), access)
    for info in infos:
        left_out = _left_out(info["name"][len(root) + 1 :])
        if left_out is None:
            yield from _objects([info], root)
        elif left_out.path not in seen:
            seen.add(left_out.path)
            yield left_out


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
    if storage.is_local(folder_uri):
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
    infos = _listed(root, lambda files: _right_in(files, root, common), access)
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
    store = storage.open_store(uri, access)
    with storage.translated(store.root):
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
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

    filesystem = storage.open_store(f"s3://{root}", access).filesystem
    try:
        return list(ask(filesystem))
    except FileNotFoundError as error:
        if "bucket does not exist" in str(error):
            raise NoBucketError(root, "there is no such bucket") from None
        return []
    except ParamValidationError:
        raise NoBucketError(root, "no bucket can be called so") from None
    except (PermissionError, NoCredentialsError) as error:
        reason = f"{error}; check the credentials and their rights"
        if code_of(error) in _DENIED:
            raise ClosedBucketError(root, reason) from None
        raise ConfigError(f"archive.uri: s3://{root} cannot be listed: {reason}") from None
    except (OSError, BotoCoreError, ClientError) as error:
        if code_of(error) == "InvalidBucketName":
            raise NoBucketError(root, "no bucket can be called so") from None
        raise RetryableError(f"listing s3://{root} failed: {error}") from None


def _identity(info: dict[str, Any]) -> Json:
    etag = info.get("ETag")
    return str(etag).strip('"') if etag else [int(info["size"]), str(info.get("LastModified", ""))]
