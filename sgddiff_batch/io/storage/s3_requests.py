"""Requests to S3 that fsspec's own calls make too many of, or not at all.

``cat`` asks for the size of each object before it fetches it, and takes brackets in a name for a pattern.
Conditional writes it does not know: S3 has ``If-None-Match: *`` and ``If-Match: <etag>``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from botocore.exceptions import ClientError
from fsspec import AbstractFileSystem
from fsspec.asyn import sync

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage.backend import PART, Versioned
from sgddiff_batch.io.storage.errors import ConflictError, RefusedError
from sgddiff_batch.io.storage.s3_client import code_of

_REFUSED = ("PreconditionFailed", "412", "NoSuchKey", "404")
_IN_PASSING = ("ConditionalRequestConflict", "OperationAborted", "409")


def put(filesystem: AbstractFileSystem, path: str, data: bytes, version: str | None) -> str:
    """Put an object under a condition and return its ETag; what s3fs raises passes."""
    bucket, key, _ = filesystem.split_path(path)
    condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
    reply = filesystem.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)
    return str(reply["ETag"])


@contextmanager
def condition_told(path: str) -> Iterator[None]:
    """Turn what says that a condition does not hold into our errors; what else is raised passes."""
    try:
        yield
    except (OSError, ClientError) as error:
        code = code_of(error)
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


def read(filesystem: AbstractFileSystem, path: str) -> bytes:
    """Return an object. One request: with more at once, s3fs asks for the size first."""
    data: bytes = filesystem.cat_file(path, max_concurrency=1)
    return data


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


def delete_all(filesystem: AbstractFileSystem, paths: Sequence[str], check: Callable[[], None]) -> None:
    """Remove objects of a bucket; ``check`` is called before each part, and may raise.

    One request takes 1000 objects, but nothing stops it on its way.
    """
    for start in range(0, len(paths), PART):
        check()
        # Not `rm`: it takes brackets in a name for a pattern, and may remove what is not below.
        sync(filesystem.loop, filesystem._bulk_delete, paths[start : start + PART])
