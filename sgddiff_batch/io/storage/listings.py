"""Listings: what a store tells of its objects without opening them, and many of them fetched at once.

fsspec's own calls ask S3 more than they have to: ``cat`` asks for the size of each object before it fetches
it, and takes brackets in a name for a pattern; ``find`` asks for an object of the prefix's name where it
found nothing below it, and builds folders that nobody asked for.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.asyn import sync

_FETCHED_AT_ONCE = 64
_PART = 2048
"""So many fetches are waited for together: each costs memory while it waits."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it.

    ``version`` is another one whenever the content is another one: the ETag with size and time, or of a
    local file size, times and inode; None where the store gives nothing that can be relied on. ``changed_s``
    is when it was last written, in seconds since 1970.
    """

    version: str | None
    size_bytes: int
    changed_s: float


def list_local(root: str) -> Iterator[tuple[str, Listed]]:
    """Yield the files below a folder by their paths, as they are now; none without the folder.

    Raises:
        OSError: if a folder cannot be listed: a part is never taken for the whole.
    """
    for folder, _, names in os.walk(root, onerror=_unless_gone):
        for name in names:
            path = f"{folder}/{name}"
            with suppress(FileNotFoundError):
                status = os.stat(path)  # noqa: PTH116 - twice as fast, and there may be many
                facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
                changed_s = max(status.st_mtime, status.st_ctime)
                yield path, Listed(" ".join(map(str, facts)), status.st_size, changed_s)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def list_s3(filesystem: AbstractFileSystem, path: str) -> list[tuple[str, Listed]]:
    """Return the objects below ``bucket/prefix`` by their paths: one request for each 1000 of them.

    What s3fs raises passes.
    """
    found: list[tuple[str, Listed]] = sync(filesystem.loop, _list_s3, filesystem, path)
    return found


async def _list_s3(filesystem: Any, path: str) -> list[tuple[str, Listed]]:  # noqa: ANN401 - has no type
    bucket, _, prefix = path.partition("/")
    asked: dict[str, str] = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    found: list[tuple[str, Listed]] = []
    while True:
        page = await filesystem._call_s3("list_objects_v2", **asked)
        found += ((f"{bucket}/{info['Key']}", _listed(info)) for info in page.get("Contents", ()))
        if not page.get("IsTruncated"):
            return found
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _listed(info: dict[str, Any]) -> Listed:
    etag, changed = str(info.get("ETag") or "").strip('"'), info.get("LastModified")
    size, changed_s = int(info.get("Size", 0)), changed.timestamp() if isinstance(changed, datetime) else 0.0
    return Listed(f"{etag} {size} {changed_s:.3f}" if etag else None, size, changed_s)


def fetch_local(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the contents of files; one that is gone is left out."""
    for path in paths:
        with suppress(FileNotFoundError, NotADirectoryError):
            yield path, Path(path).read_bytes()


def fetch_s3(filesystem: AbstractFileSystem, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the contents of objects, many fetched at once, by one request each; one that is gone is left out.

    What s3fs raises passes.
    """
    for start in range(0, len(paths), _PART):
        part = paths[start : start + _PART]
        found = sync(filesystem.loop, _fetch_all, filesystem, part)
        yield from ((path, data) for path, data in zip(part, found, strict=True) if data is not None)


async def _fetch_all(filesystem: Any, paths: Sequence[str]) -> list[bytes | None]:  # noqa: ANN401
    room = asyncio.Semaphore(_FETCHED_AT_ONCE)

    async def fetch(path: str) -> bytes | None:
        async with room:
            try:
                # One request: with more, s3fs asks for the size first.
                data: bytes = await filesystem._cat_file(path, max_concurrency=1)
            except FileNotFoundError as error:
                if "bucket does not exist" in str(error):
                    raise
                return None
        return data

    return await asyncio.gather(*map(fetch, paths))


def entries_local(path: str) -> dict[str, str | None]:
    """Return what lies right in a folder, by name, as ``Store.entries``."""
    with os.scandir(path) as listing:
        return {entry.name: _local_version(entry) for entry in listing if not _is_special(entry)}


def entries_s3(filesystem: AbstractFileSystem, path: str) -> dict[str, str | None]:
    """Return what lies right below a prefix, by name; what s3fs raises passes."""
    below = f"{path}/"
    infos = filesystem.ls(path, detail=True)
    named = {info["name"].removeprefix(below): info for info in infos if info["name"].startswith(below)}
    return {name: _remote_version(info) for name, info in named.items() if name}


def _is_special(entry: os.DirEntry[str]) -> bool:
    return Path(entry.path).exists() and not entry.is_dir() and not entry.is_file()


def _local_version(entry: os.DirEntry[str]) -> str | None:
    if entry.is_dir():
        return None
    try:
        status = entry.stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _remote_version(info: dict[str, Any]) -> str | None:
    if info["type"] == "directory":
        return None
    etag = str(info.get("ETag") or "").strip('"')
    return etag or f"{info.get('size')} {info.get('LastModified')}"
