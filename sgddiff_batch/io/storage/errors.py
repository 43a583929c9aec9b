"""What storage answers when it cannot: errors by what the caller can do, whatever library raised them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError, RetryableError

Kinds = tuple[type[Exception], ...]

_NOT_THERE_EVER: Kinds = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
"""Denied, or a file in the way of a folder: trying again does not help."""
_LOGIN = re.compile(r"://[^/\s@]*@")


class DeniedError(ConfigError):
    """The storage says no to an object, to credentials that are good ones."""


class BucketError(ConfigError):
    """A bucket that is not there, or says no; ``reason`` says which, without what was asked of it.

    With one argument that is the message: so are errors made anew that come out of another process.
    """

    def __init__(self, uri: str, reason: str = "", asked_by: str = "") -> None:
        super().__init__(f"{asked_by}{uri} cannot be listed: {reason}" if reason else uri)
        self.uri, self.reason = uri, reason


class NoBucketError(BucketError):
    """There is no such bucket, which is not the same as an empty one."""


class ClosedBucketError(BucketError):
    """The bucket denies it to the credentials that it was asked with, which are good ones."""


class RefusedError(Exception):
    """The condition of a write does not hold, or did not when the storage looked."""


class ConflictError(Exception):
    """Another conditional write is in passing; the storage asks to try again."""


@contextmanager
def translating(path: str, denied: Kinds = (), failed: Kinds = ()) -> Iterator[None]:
    """Turn what a file system raises into our errors; FileNotFoundError is an answer, and passes.

    denied, failed: what a client raises besides OSErrors where trying again does not help, and where it may.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except _NOT_THERE_EVER + denied as error:
        raise ConfigError(f"{path}: {words_of(error)}") from error
    except (OSError, *failed) as error:  # type: ignore[misc] # mypy joins them to a plain tuple
        raise RetryableError(f"{path}: {words_of(error)}") from error


def words_of(error: Exception) -> str:
    """Return what an error says, on one line and without logins."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _LOGIN.sub("://***@", on_one_line(text))
