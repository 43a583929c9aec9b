"""Requests to S3 that fsspec's own calls make too many of, or not at all.

``cat`` asks for the size of each object before it fetches it, and takes brackets in a name for a pattern.
Conditional writes it does not know: S3 has ``If-None-Match: *`` and ``If-Match: <etag>``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError
from fsspec import AbstractFileSystem
from fsspec.asyn import sync

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage.backend import PART, Versioned
from sgddiff_batch.io.storage.errors import ConflictError, RefusedError

_REFUSED = ("PreconditionFailed", "412", "NoSuchKey", "404")
_IN_PASSING = ("ConditionalRequestConflict", "OperationAborted", "409")
_FETCHED_AT_ONCE = 64
_FETCHED_TOGETHER = 2048
"""So many fetches are waited for together: each costs memory while it waits."""


def put(filesystem: AbstractFileSystem, path: str, data: bytes, version: str | None) -> str:
    """Put an object under a condition and return its ETag; what s3fs raises passes."""
    bucket, key, _ = filesystem.split_path(path)
    condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
    try:
        reply = filesystem.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)
    except (OSError, ClientError) as error:
        code = _code(error)
        if code in _REFUSED:
            raise RefusedError from error
        if code in _IN_PASSING:
            raise ConflictError from error
        if code in ("NotImplemented", "501"):
            raise ConfigError(
                f"s3://{path}: this store does not know conditional writes (If-Match), which keep two runs "
                "apart; use a bucket whose store does"
            ) from error
        raise
    return str(reply["ETag"])


def _code(error: Exception) -> str:
    origin = error if isinstance(error, ClientError) else error.__cause__
    return str(origin.response["Error"].get("Code")) if isinstance(origin, ClientError) else ""


def read_versioned(filesystem: AbstractFileSystem, path: str) -> Versioned:
    """Return an object and the ETag that came with these very bytes."""
    versioned: Versioned = sync(filesystem.loop, _fetch, filesystem, path)
    return versioned


async def _fetch(filesystem: AbstractFileSystem, path: str) -> Versioned:
    """Ask again for a body that ends early, as s3fs does for those that it reads itself."""
    from s3fs.core import S3_RETRYABLE_ERRORS

    bucket, key, _ = filesystem.split_path(path)
    for left in reversed(range(filesystem.retries)):
        reply = await filesystem._call_s3("get_object", Bucket=bucket, Key=key)
        try:
            return Versioned(await reply["Body"].read(), str(reply["ETag"]))
        except S3_RETRYABLE_ERRORS:
            if not left:
                raise
        finally:
            reply["Body"].close()
    raise AssertionError("an S3 client with no tries")


def read_many(filesystem: AbstractFileSystem, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield objects, many fetched at once, by one request each; one that is gone is left out."""
    for start in range(0, len(paths), _FETCHED_TOGETHER):
        part = paths[start : start + _FETCHED_TOGETHER]
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


def delete_tree(filesystem: AbstractFileSystem, path: str, check: Callable[[], None]) -> None:
    """Remove the objects that are there now at a path and below it, as ``Backend.delete_tree``.

    What another writes there meanwhile under new names is not touched. One request takes 1000 objects, but
    nothing stops it on its way.
    """
    names = [name for name in filesystem.find(path) if name == path or name.startswith(f"{path}/")]
    for start in range(0, len(names), PART):
        check()
        # Not `rm`: it takes brackets in a name for a pattern, and may remove what is not below.
        sync(filesystem.loop, filesystem._bulk_delete, names[start : start + PART])
