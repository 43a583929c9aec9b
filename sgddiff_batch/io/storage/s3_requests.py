"""Requests to S3 that fsspec's own calls make too many of, or not at all.

``cat`` asks for the size of each object before it fetches it, and takes brackets in a name for a pattern.
Conditional writes it does not know: S3 has ``If-None-Match: *`` and ``If-Match: <etag>``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError
from fsspec import AbstractFileSystem
from fsspec.asyn import sync

from sgddiff_batch.errors import ConfigError, RetryableError
from sgddiff_batch.io.storage.backend import PART, ObjectFacts, Versioned
from sgddiff_batch.io.storage.errors import ClosedBucketError, ConflictError, NoBucketError, RefusedError
from sgddiff_batch.io.storage.s3_client import code_of

NO_BUCKET = "bucket does not exist"
BUCKET_DENIED = ("AccessDenied", "AllAccessDisabled", "403")
"""Codes of a bucket that says no. Those of wrong or expired credentials are others, of all buckets."""

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


def asked(path: str, ask: Callable[[], list[ObjectFacts]]) -> list[ObjectFacts]:
    """Return what a listing answers; nothing where there is a bucket and nothing of that name."""
    with suppress(FileNotFoundError), asking(path):
        return ask()
    return []


@contextmanager
def asking(path: str) -> Iterator[None]:
    """Turn what a listing raises into our errors; that there is nothing of that name passes."""
    uri = f"s3://{path}"
    try:
        yield
    except FileNotFoundError as error:
        if NO_BUCKET in str(error):
            raise NoBucketError(uri, "there is no such bucket") from None
        raise
    except ParamValidationError:
        raise NoBucketError(uri, "no bucket can be called so") from None
    except (PermissionError, NoCredentialsError) as error:
        reason = f"{error}; check the credentials and their rights"
        if code_of(error) in BUCKET_DENIED:
            raise ClosedBucketError(uri, reason) from None
        raise ConfigError(f"{uri} cannot be listed: {reason}") from None
    except (OSError, BotoCoreError, ClientError) as error:
        if code_of(error) == "InvalidBucketName":
            raise NoBucketError(uri, "no bucket can be called so") from None
        raise RetryableError(f"listing {uri} failed: {error}") from None
