"""Conditional writes: an object is put only if it is absent, or only if nobody has changed it since.

S3 answers ``If-None-Match: *`` and ``If-Match: <etag>`` itself. A local folder has no such call, so the
comparison and the rename happen under ``flock`` on a file beside the object: every writer of such an object
comes through here, the kernel frees the lock of a process that dies, and it holds across machines on NFS.
A plain ``O_EXCL`` could make an object, but not replace one, and would show it half written.

A process that is stopped while it has the lock must hold nobody up for ever: others break the lock. It finds
out when it wakes, before the rename, or right after it if it was stopped just there, and gives up for good.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError
from fsspec import AbstractFileSystem
from fsspec.asyn import sync

from sgddiff_batch.errors import ConfigError, FatalError, RetryableError

_REFUSED = ("PreconditionFailed", "412", "NoSuchKey", "404")
_IN_PASSING = ("ConditionalRequestConflict", "OperationAborted", "409")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_PAUSES_S = (0.1, 0.3, 1.0)
_LOCK_PATIENCE_S = 5.0
"""A lock is kept for milliseconds; whoever keeps it for longer is stopped."""
_LOCK_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Versioned:
    """An object and the version that a replacement names: the ETag, or locally the content's SHA-256."""

    data: bytes
    version: str


class _RefusedError(Exception):
    """The condition does not hold, or did not when the store looked."""


class _ConflictError(Exception):
    """Another request is in passing; S3 asks to try again."""


def settled(
    put: Callable[[], str],
    read: Callable[[], Versioned],
    data: bytes,
    version: str | None,
) -> str | None:
    """Put under a condition until it is known whose write won; return the new version, None if another's.

    ``version`` is what the object has to have, None that it is absent. A reply may be lost on its way, and
    clients repeat a call by themselves: then the second try is refused because of the first. So after every
    doubt the object is read back, and is ours if it holds ``data``, which must have no other writer (a write
    id inside).

    Raises:
        RetryableError: if the store failed, and the object is as it was.
    """
    doubt: Exception | None = None
    for pause_s in (*_PAUSES_S, 0.0):
        try:
            return put()
        except (_RefusedError, _ConflictError, RetryableError) as error:
            doubt = error
        found = None
        with suppress(FileNotFoundError):
            found = read()
        if found is not None and found.data == data:
            return found.version
        if (None if found is None else found.version) != version:
            return None
        if isinstance(doubt, RetryableError):
            raise doubt
        time.sleep(pause_s)
    raise RetryableError("a conditional write was refused again and again, and the object is unchanged")


def put_s3(filesystem: AbstractFileSystem, path: str, data: bytes, version: str | None) -> str:
    """Put an object into S3 under a condition and return its ETag; what s3fs raises passes."""
    bucket, key, _ = filesystem.split_path(path)
    condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
    try:
        reply = filesystem.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)
    except (OSError, ClientError) as error:
        code = _code(error)
        if code in _REFUSED:
            raise _RefusedError from error
        if code in _IN_PASSING:
            raise _ConflictError from error
        if code in ("NotImplemented", "501"):
            raise ConfigError(
                f"s3://{path}: this store does not know conditional writes (If-Match), which keep two runs "
                "apart; use a bucket whose store does"
            ) from error
        raise
    return str(reply["ETag"])


def read_s3(filesystem: AbstractFileSystem, path: str) -> Versioned:
    """Return an object of S3 and the ETag that came with these very bytes."""
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


def _code(error: Exception) -> str:
    origin = error if isinstance(error, ClientError) else error.__cause__
    return str(origin.response["Error"].get("Code")) if isinstance(origin, ClientError) else ""


def put_local(path: Path, data: bytes, version: str | None) -> str:
    """Write a file if it has ``version`` (None: if there is none), whole or not at all; return the new one.

    Raises:
        ConfigError: if the file system has no locks.
        FatalError: if others broke this call's lock while it was stopped: what it wrote may undo theirs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name[:100]}.{uuid.uuid4().hex}.partial")
    try:
        temporary.write_bytes(data)
        with _locked(path) as still_locked:
            found = None
            with suppress(FileNotFoundError):
                found = read_local(path).version
            if found != version or not still_locked():
                raise _RefusedError
            temporary.replace(path)
            if not still_locked():
                raise FatalError(f"{path}: this process was stopped for long while it wrote there")
    finally:
        temporary.unlink(missing_ok=True)
    return _digest(data)


def read_local(path: Path) -> Versioned:
    """Return a file and its version."""
    data = path.read_bytes()
    return Versioned(data, _digest(data))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[Callable[[], bool]]:
    """Hold the lock of a file; what is yielded says whether nobody has broken it."""
    # The suffix hides it from listings; a lock that a killed process left is taken like any other.
    lock = path.with_name(f"{path.name[:100]}.lock.partial")
    descriptor = _lock(lock)
    try:
        yield lambda: _inode(lock) == os.fstat(descriptor).st_ino
    finally:
        if _inode(lock) == os.fstat(descriptor).st_ino:
            lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(lock: Path) -> int:
    """Return the descriptor of a lock file that is locked, and that lies under its name."""
    seen, since = _inode(lock), time.monotonic()
    while True:
        with suppress(FileNotFoundError):
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
            if _is_locked(descriptor, lock):
                return descriptor
            os.close(descriptor)
        if _inode(lock) != seen:
            seen, since = _inode(lock), time.monotonic()
        elif time.monotonic() - since > _LOCK_PATIENCE_S:
            lock.unlink(missing_ok=True)
        time.sleep(_LOCK_POLL_S)


def _inode(lock: Path) -> int | None:
    try:
        return lock.stat().st_ino
    except FileNotFoundError:
        return None


def _is_locked(descriptor: int, lock: Path) -> bool:
    """Lock a file unless another has it; False, too, if its last owner has removed it meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        os.close(descriptor)
        if error.errno in _NO_LOCKS:
            raise ConfigError(
                f"{lock.parent}: this file system has no locks (flock: {error.strerror}), which keep two "
                "runs apart; mount it with locks, or write to another place"
            ) from error
        raise
    return os.fstat(descriptor).st_ino == _inode(lock)
