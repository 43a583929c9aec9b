"""Conditional writes of local files: the comparison and the rename happen under a lock.

A local folder has no call for them. So both happen under ``flock`` on a file beside the object: every writer
of such an object comes through here, the kernel frees the lock of a process that dies, and it holds across
machines on NFS. A plain ``O_EXCL`` could make an object, but not replace one, and would show it half written.

A process that is stopped while it has the lock must hold nobody up for ever: others break the lock. It finds
out when it wakes, before the rename, or right after it if it was stopped just there, and gives up for good.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.storage.backend import Versioned
from sgddiff_batch.io.storage.errors import RefusedError

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_LOCK_PATIENCE_S = 5.0
"""A lock is kept for milliseconds; whoever keeps it for longer is stopped."""
_LOCK_POLL_S = 0.005


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
                raise RefusedError
            temporary.replace(path)
            if not still_locked():
                raise FatalError(f"{path}: this process was stopped for long while it wrote there")
    finally:
        temporary.unlink(missing_ok=True)
    return bytes_digest(data)


def read_local(path: Path) -> Versioned:
    """Return a file and its version."""
    data = path.read_bytes()
    return Versioned(data, bytes_digest(data))


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
