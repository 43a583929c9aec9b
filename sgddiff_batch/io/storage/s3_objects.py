"""Single objects of S3 through obstore, whose requests take a tenth of the CPU of s3fs's.

What obstore cannot ask for, or asks for in another way, is left to s3fs, which is told by
:class:`NotAskedError`; errors are those that s3fs raises.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import obstore
from obstore.exceptions import BaseError

from sgddiff_batch.core.fingerprint import Json
from sgddiff_batch.io.storage.backend import ObjectFacts, Versioned
from sgddiff_batch.io.storage.s3_answers import Failure, failure_of
from sgddiff_batch.io.storage.s3_client import Bucket, bucket_client, region_of

T = TypeVar("T")
_LARGEST_BYTES = 2**20
"""Larger objects are put by s3fs: obstore's time-out of a reply counts the time that sending takes, too."""


class NotAskedError(Exception):
    """obstore cannot ask for it, or its reply says nothing: s3fs is to be asked."""


class _Buckets:
    """The clients of this process, one for each bucket and client of s3fs, shared by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[Any, str], Bucket | None] = {}

    def of(self, filesystem: Any, name: str) -> Bucket | None:  # noqa: ANN401 - s3fs has no types
        """Return the client of a bucket, None where obstore cannot ask it."""
        with self._lock:
            if (filesystem, name) not in self._made:
                self._made[filesystem, name] = bucket_client(filesystem, name)
            return self._made[filesystem, name]

    def moved(self, filesystem: Any, name: str, told: Bucket) -> Bucket | None:  # noqa: ANN401
        """Return the client of a bucket that is in another region than ``told``, None if none can be had."""
        with self._lock:
            if self._made[filesystem, name] is told:
                region = region_of(filesystem, name)
                if region is None:
                    return None
                self._made[filesystem, name] = bucket_client(filesystem, name, region)
            return self._made[filesystem, name]


@cache
def _buckets(pid: int) -> _Buckets:
    return _Buckets()


@cache
def _first_process() -> int:
    """Return who asked first. obstore's threads do not live on in processes that are forked from it."""
    return os.getpid()


@dataclass(frozen=True, slots=True)
class S3Objects:
    """Objects of the buckets that a client of s3fs reaches, one request each. Paths are ``bucket/key``."""

    filesystem: Any

    def read(self, path: str) -> bytes:
        """Return an object."""
        return self._ask("GetObject", path, lambda client, key: obstore.get(client, key).bytes().to_bytes())

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop) of an object, fewer where it ends before."""
        if not 0 <= start < stop:
            raise NotAskedError
        return self._ask(
            "GetObject",
            path,
            lambda client, key: obstore.get_range(client, key, start=start, end=stop).to_bytes(),
        )

    def read_versioned(self, path: str) -> Versioned:
        """Return an object and the ETag that came with these very bytes."""

        def read(client: Any, key: str) -> Versioned:  # noqa: ANN401
            reply = obstore.get(client, key)
            return Versioned(reply.bytes().to_bytes(), str(reply.meta["e_tag"]))

        return self._ask("GetObject", path, read)

    def stat(self, path: str) -> ObjectFacts | None:
        """Return what is known of an object, None where there is none."""
        try:
            told = self._ask("HeadObject", path, obstore.head)
        except FileNotFoundError:
            return None
        etag, changed = told["e_tag"], told["last_modified"]
        modified_s = changed.timestamp() or None
        identity: Json = etag.strip('"') if etag else [told["size"], str(changed) if modified_s else ""]
        return ObjectFacts(path, told["size"], identity, modified_s)

    def write(self, path: str, data: bytes) -> None:
        """Put an object."""
        self._put(path, data, "overwrite")

    def put(self, path: str, data: bytes, version: str | None) -> str:
        """Put an object if it has an ETag (None: if there is none), and return its new one."""
        return self._put(path, data, "create" if version is None else {"e_tag": version})

    def _put(self, path: str, data: bytes, mode: Any) -> str:  # noqa: ANN401
        if len(data) > _LARGEST_BYTES:
            raise NotAskedError
        return self._ask(
            "PutObject",
            path,
            lambda client, key: str(obstore.put(client, key, data, mode=mode, use_multipart=False)["e_tag"]),
        )

    def delete(self, path: str) -> None:
        """Remove an object, if there is one."""
        self._ask("DeleteObject", path, obstore.delete)

    def _ask(self, operation: str, path: str, call: Callable[[Any, str], T]) -> T:
        """Call for an object until it answers, as often as botocore would, and with pauses like its."""
        name, _, key = path.partition("/")
        if _first_process() != os.getpid() or not _is_plain(key):
            raise NotAskedError
        bucket, attempts = _buckets(os.getpid()).of(self.filesystem, name), 0
        while bucket is not None:
            try:
                return call(bucket.client, key)
            except (BaseError, FileNotFoundError) as error:
                failure = _failure(error, operation, bucket, key)
            if failure.is_elsewhere and not attempts:
                bucket = _buckets(os.getpid()).moved(self.filesystem, name, bucket)
            elif not failure.may_pass or attempts + 1 >= _attempts(self.filesystem):
                raise failure.error
            else:
                time.sleep(random.random() * 2**attempts)
            attempts += 1
        raise NotAskedError


def _is_plain(key: str) -> bool:
    """Whether obstore takes a key for what it is: it leaves out slashes, and takes no others for names."""
    return key.isprintable() and not any(segment in ("", ".", "..") for segment in key.split("/"))


def _attempts(filesystem: Any) -> int:  # noqa: ANN401
    return int(filesystem.config_kwargs["retries"]["total_max_attempts"])


def _failure(error: Exception, operation: str, bucket: Bucket, key: str) -> Failure:
    if bucket.credentials is not None and bucket.credentials.failure is not None:
        failure, bucket.credentials.failure = bucket.credentials.failure, None
        return Failure(failure)
    return failure_of(error, operation, f"{bucket.url}/{key}") or Failure(NotAskedError())
