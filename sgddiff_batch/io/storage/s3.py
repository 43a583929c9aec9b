"""S3Backend: objects of S3, and of what speaks like it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, ClassVar

import aiohttp
import botocore.exceptions as boto
from botocore.parsers import ResponseParserError

from sgddiff_batch.core.fingerprint import Json
from sgddiff_batch.core.query import Access
from sgddiff_batch.errors import ConfigError, RetryableError, UnreadableSceneError
from sgddiff_batch.io.storage import s3_requests
from sgddiff_batch.io.storage.backend import Backend, Listed, ObjectFacts, Versioned
from sgddiff_batch.io.storage.errors import (
    ClosedBucketError,
    DeniedError,
    NoBucketError,
    translating,
    words_of,
)
from sgddiff_batch.io.storage.s3_client import code_of, credentials_words, gdal_access_options, s3_client

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

_NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ProfileNotFound)
_FAILED = (boto.BotoCoreError, boto.ClientError, aiohttp.ClientError, ResponseParserError)
_NO_BUCKET = "bucket does not exist"
_BUCKET_DENIED = ("AccessDenied", "AllAccessDisabled", "403")
"""Codes of a bucket that says no. Those of wrong or expired credentials are others, of all buckets."""
_DENIED = (*_BUCKET_DENIED, "InvalidObjectState")
"""Codes of an object that may not be read."""


@dataclass(frozen=True, slots=True)
class S3Backend(Backend):
    """Objects of the buckets that a client of s3fs reaches."""

    scheme: ClassVar[str] = "s3"
    over_network: ClassVar[bool] = True
    gdal_prefix: ClassVar[str] = "/vsis3/"

    filesystem: Any

    @classmethod
    def opened(cls, access: Access, environment: Mapping[str, str]) -> S3Backend:
        """As :meth:`Backend.opened`."""
        return cls(s3_client(access, environment))

    @classmethod
    def gdal_settings(cls, access: Access, environment: Mapping[str, str]) -> dict[str, str]:
        """As :meth:`Backend.gdal_settings`."""
        return gdal_access_options(access, environment)

    @classmethod
    def credentials_found(cls, environment: Mapping[str, str]) -> str:
        """As :meth:`Backend.credentials_found`."""
        return credentials_words(environment)

    @contextmanager
    def translated(self, path: str) -> Iterator[None]:
        """As :meth:`Backend.translated`; that there is no bucket is a mistake, and no answer."""
        try:
            with translating(path, _NO_CREDENTIALS, _FAILED):
                yield
        except FileNotFoundError as error:
            if _NO_BUCKET in str(error):
                raise ConfigError(f"{path}: {words_of(error)}") from error
            raise
        except ConfigError as error:
            if isinstance(error.__cause__, PermissionError) and code_of(error) in _DENIED:
                raise DeniedError(str(error)) from error.__cause__
            raise

    def read(self, path: str) -> bytes:
        """As :meth:`Backend.read`."""
        # One request: with more at once, s3fs asks for the size first.
        data: bytes = self.filesystem.cat_file(path, max_concurrency=1)
        return data

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """As :meth:`Backend.read_part`."""
        data: bytes = self.filesystem.cat_file(path, start=start, end=stop)
        return data

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """As :meth:`Backend.read_many`, many at a time."""
        return s3_requests.read_many(self.filesystem, paths)

    def read_versioned(self, path: str) -> Versioned:
        """As :meth:`Backend.read_versioned`."""
        return s3_requests.read_versioned(self.filesystem, path)

    def open(self, path: str) -> IO[bytes]:
        """As :meth:`Backend.open`."""
        file: IO[bytes] = self.filesystem.open(path, "rb")
        return file

    def stat(self, path: str) -> ObjectFacts | None:
        """As :meth:`Backend.stat`."""
        try:
            info = self.filesystem.info(path)
        except FileNotFoundError:
            return None
        return next(_objects([info]), None)

    def listed(self, path: str) -> Iterable[tuple[str, Listed]]:
        """As :meth:`Backend.listed`."""
        return s3_requests.listed(self.filesystem, path)

    def find(self, path: str, begin: str = "") -> Iterable[ObjectFacts]:
        """As :meth:`Backend.find`."""
        infos = _asked(path, lambda: self.filesystem.find(path, prefix=begin, detail=True).values())
        return list(_objects(infos))

    def files_in(self, folder: str, wanted: Set[str], begin: str) -> list[ObjectFacts]:
        """As :meth:`Backend.files_in`, by one listing."""
        if begin:
            infos = _asked(
                folder,
                lambda: self.filesystem.find(folder, maxdepth=1, prefix=begin, detail=True).values(),
            )
        else:
            # Without a prefix find goes on where there is no bucket.
            infos = _asked(folder, lambda: self.filesystem.ls(folder, detail=True, refresh=True))
        return [facts for facts in _objects(infos) if posixpath.basename(facts.path).lower() in wanted]

    def entries(self, path: str) -> dict[str, str | None]:
        """As :meth:`Backend.entries`."""
        below = f"{path}/"
        infos = self.filesystem.ls(path, detail=True)
        named = {info["name"].removeprefix(below): info for info in infos if info["name"].startswith(below)}
        return {name: _version(info) for name, info in named.items() if name}

    def write(self, path: str, data: bytes) -> None:
        """As :meth:`Backend.write`."""
        self.filesystem.pipe_file(path, data)

    def put(self, path: str, data: bytes, version: str | None) -> str:
        """As :meth:`Backend.put`."""
        return s3_requests.put(self.filesystem, path, data, version)

    def delete(self, path: str, root: str) -> None:
        """As :meth:`Backend.delete`."""
        self.filesystem.rm_file(path)

    def delete_tree(self, path: str, root: str, check: Callable[[], None]) -> None:
        """As :meth:`Backend.delete_tree`."""
        s3_requests.delete_tree(self.filesystem, path, check)

    def zarr(self, path: str, *, read_only: bool) -> ZarrStore:
        """As :meth:`Backend.zarr`."""
        from zarr.storage import FsspecStore

        # Opened as this client was: else fsspec hands out whatever client it made first, for any endpoint.
        options = dict(self.filesystem.storage_options)
        return FsspecStore.from_url(f"s3://{path}", options, read_only=read_only)

    def gdal_path(self, path: str) -> str:
        """As :meth:`Backend.gdal_path`.

        Raises:
            UnreadableSceneError: if a key has a ``.`` or ``..`` segment, which HTTP clients resolve.
        """
        if any(segment in (".", "..") for segment in path.split("/")):
            raise UnreadableSceneError(
                f"its key {path!r} has a '.' or '..' segment and cannot be asked for safely"
            )
        return f"{self.gdal_prefix}{path}"

    def arrow(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """As :meth:`Backend.arrow`; it reads the usual AWS variables in every process."""
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        return PyFileSystem(FSSpecHandler(self.filesystem))


def _asked(path: str, ask: Callable[[], Iterable[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return what a listing answers; nothing where there is a bucket and nothing of that name."""
    uri = f"s3://{path}"
    try:
        return list(ask())
    except FileNotFoundError as error:
        if _NO_BUCKET in str(error):
            raise NoBucketError(uri, "there is no such bucket") from None
        return []
    except boto.ParamValidationError:
        raise NoBucketError(uri, "no bucket can be called so") from None
    except (PermissionError, boto.NoCredentialsError) as error:
        reason = f"{error}; check the credentials and their rights"
        if code_of(error) in _BUCKET_DENIED:
            raise ClosedBucketError(uri, reason) from None
        raise ConfigError(f"{uri} cannot be listed: {reason}") from None
    except (OSError, boto.BotoCoreError, boto.ClientError) as error:
        if code_of(error) == "InvalidBucketName":
            raise NoBucketError(uri, "no bucket can be called so") from None
        raise RetryableError(f"listing {uri} failed: {error}") from None


def _objects(infos: Iterable[dict[str, Any]]) -> Iterator[ObjectFacts]:
    for info in infos:
        # Some stores list a prefix that was emptied as an object of its own name.
        if info.get("type") == "file" and not info["name"].endswith("/"):
            modified = info.get("LastModified")
            modified_s = modified.timestamp() if isinstance(modified, datetime) else None
            yield ObjectFacts(info["name"], int(info["size"]), _identity(info), modified_s)


def _identity(info: dict[str, Any]) -> Json:
    etag = info.get("ETag")
    return str(etag).strip('"') if etag else [int(info["size"]), str(info.get("LastModified", ""))]


def _version(info: dict[str, Any]) -> str | None:
    if info["type"] == "directory":
        return None
    etag = str(info.get("ETag") or "").strip('"')
    return etag or f"{info.get('size')} {info.get('LastModified')}"
