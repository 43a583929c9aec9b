"""S3Backend: objects of S3, and of what speaks like it.

obstore asks for single objects, s3fs for all else, and for whatever obstore cannot.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

import aiohttp
import botocore.exceptions as boto
from botocore.parsers import ResponseParserError

from sgddiff_batch.core.query import Access
from sgddiff_batch.core.words import redact_uri
from sgddiff_batch.errors import ConfigError, UnreadableSceneError
from sgddiff_batch.io.storage import s3_listing, s3_requests
from sgddiff_batch.io.storage.backend import Backend, Listed, ObjectFacts, Versioned
from sgddiff_batch.io.storage.columns import ListedPart
from sgddiff_batch.io.storage.errors import DeniedError, translating, words_of
from sgddiff_batch.io.storage.s3_client import (
    code_of,
    credentials_words,
    gdal_access_options,
    s3_client,
    url_of_bucket,
)
from sgddiff_batch.io.storage.s3_listing import Page
from sgddiff_batch.io.storage.s3_objects import NotAskedError, S3Objects
from sgddiff_batch.io.storage.s3_requests import BUCKET_DENIED, NO_BUCKET

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

T = TypeVar("T")
_FETCHED_AT_ONCE = 64
_FETCHED_TOGETHER = 2048
"""So many objects wait in memory until the first of them is taken."""
_NO_CREDENTIALS = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ProfileNotFound)
_FAILED = (boto.BotoCoreError, boto.ClientError, aiohttp.ClientError, ResponseParserError)
_DENIED = (*BUCKET_DENIED, "InvalidObjectState")
"""Codes of an object that may not be read."""


@dataclass(frozen=True, slots=True)
class S3Backend(Backend):
    """Objects of the buckets that a client of s3fs reaches; without ``objects``, that asks for everything."""

    scheme: ClassVar[str] = "s3"
    over_network: ClassVar[bool] = True
    gdal_prefix: ClassVar[str] = "/vsis3/"

    filesystem: Any
    objects: S3Objects | None = None

    @classmethod
    def opened(cls, access: Access, environment: Mapping[str, str]) -> S3Backend:
        """As :meth:`Backend.opened`."""
        filesystem = s3_client(access, environment)
        return cls(filesystem, S3Objects(filesystem))

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
            if NO_BUCKET in str(error):
                raise ConfigError(f"{path}: {words_of(error)}") from error
            raise
        except ConfigError as error:
            if isinstance(error.__cause__, PermissionError) and code_of(error) in _DENIED:
                raise DeniedError(str(error)) from error.__cause__
            raise

    def _either(self, quick: Callable[[S3Objects], T], slow: Callable[[], T]) -> T:
        """Ask through obstore, or where it cannot through s3fs."""
        if self.objects is not None:
            with suppress(NotAskedError):
                return quick(self.objects)
        return slow()

    def read(self, path: str) -> bytes:
        """As :meth:`Backend.read`."""
        return self._either(
            lambda objects: objects.read(path), lambda: s3_requests.read(self.filesystem, path)
        )

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """As :meth:`Backend.read_part`."""
        return self._either(
            lambda objects: objects.read_part(path, start, stop),
            lambda: bytes(self.filesystem.cat_file(path, start=start, end=stop)),
        )

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """As :meth:`Backend.read_many`, many at a time, by one request each."""
        for start in range(0, len(paths), _FETCHED_TOGETHER):
            part = paths[start : start + _FETCHED_TOGETHER]
            pool = ThreadPoolExecutor(min(_FETCHED_AT_ONCE, len(part)))
            try:
                found = zip(part, pool.map(self._read_if_there, part), strict=True)
                yield from [(path, data) for path, data in found if data is not None]
            finally:
                pool.shutdown(cancel_futures=True)

    def _read_if_there(self, path: str) -> bytes | None:
        try:
            return self.read(path)
        except FileNotFoundError as error:
            if NO_BUCKET in str(error):
                raise
            return None

    def read_versioned(self, path: str) -> Versioned:
        """As :meth:`Backend.read_versioned`."""
        return self._either(
            lambda objects: objects.read_versioned(path),
            lambda: s3_requests.read_versioned(self.filesystem, path),
        )

    def open(self, path: str) -> IO[bytes]:
        """As :meth:`Backend.open`."""
        file: IO[bytes] = self.filesystem.open(path, "rb")
        return file

    def stat(self, path: str) -> ObjectFacts | None:
        """As :meth:`Backend.stat`."""
        return self._either(lambda objects: objects.stat(path), lambda: self._looked_at(path))

    def _looked_at(self, path: str) -> ObjectFacts | None:
        try:
            info = self.filesystem.info(path)
        except FileNotFoundError:
            return None
        # Some stores list a prefix that was emptied as an object of its own name.
        if info.get("type") != "file" or info["name"].endswith("/"):
            return None
        etag, modified = str(info.get("ETag") or "").strip('"'), info.get("LastModified")
        modified_s = modified.timestamp() if isinstance(modified, datetime) else None
        size = int(info["size"])
        return ObjectFacts(info["name"], size, etag or [size, str(modified or "")], modified_s)

    def listed(self, path: str) -> Iterator[tuple[str, Listed]]:
        """As :meth:`Backend.listed`."""
        for part in self.listed_parts(path):
            yield from zip(
                part.paths, map(Listed, part.versions, part.sizes_bytes, part.changed_s), strict=True
            )

    def listed_parts(self, path: str) -> Iterator[ListedPart]:
        """As :meth:`Backend.listed_parts`, a page each."""
        bucket = path.partition("/")[0]
        for page in self._pages(path):
            yield page.rows.part(bucket)

    def _pages(self, path: str, begin: str = "", delimiter: str = "") -> Iterator[Page]:
        bucket, _, prefix = path.partition("/")
        below = f"{prefix}/{begin}" if prefix else begin
        return s3_listing.pages(self.filesystem, bucket, below, delimiter)

    def find(self, path: str, begin: str = "") -> Iterable[ObjectFacts]:
        """As :meth:`Backend.find`."""
        return s3_requests.asked(path, lambda: self._found(path, begin))

    def find_each(self, path: str, begin: str = "") -> Iterator[ObjectFacts]:
        """As :meth:`Backend.find_each`, page by page."""
        with suppress(FileNotFoundError), s3_requests.asking(path):
            yield from _facts(path, self._pages(path, begin))

    def _found(self, path: str, begin: str) -> list[ObjectFacts]:
        pages = list(self._pages(path, begin))
        if any(page.rows.keys for page in pages) or begin or "/" not in path:
            return list(_facts(path, pages))
        return list(filter(None, [self.stat(path)]))

    def files_in(self, folder: str, wanted: Set[str], begin: str) -> list[ObjectFacts]:
        """As :meth:`Backend.files_in`, by one listing."""
        found = s3_requests.asked(folder, lambda: list(_facts(folder, self._pages(folder, begin, "/"))))
        return [facts for facts in found if posixpath.basename(facts.path).lower() in wanted]

    def entries(self, path: str) -> dict[str, str | None]:
        """As :meth:`Backend.entries`."""
        pages, below = list(self._pages(path, delimiter="/")), len(f"{path}/")
        found: dict[str, str | None] = {}
        for facts in _facts(path, pages):
            told = facts.identity
            found[facts.path[below:]] = " ".join(map(str, told)) if isinstance(told, list) else str(told)
        bucket = path.partition("/")[0]
        folders = [f"{bucket}/{folder}"[below:].rstrip("/") for page in pages for folder in page.folders]
        found |= {name: None for name in folders if name}
        if not any(page.rows.keys or page.folders for page in pages) and self.stat(path) is None:
            raise FileNotFoundError(f"there is nothing below {path}")
        return found

    def write(self, path: str, data: bytes) -> None:
        """As :meth:`Backend.write`."""
        self._either(lambda objects: objects.write(path, data), lambda: self.filesystem.pipe_file(path, data))

    def write_typed(self, path: str, data: bytes, content_type: str) -> None:
        """As :meth:`Backend.write_typed`."""
        self.filesystem.pipe_file(path, data, ContentType=content_type)

    def put(self, path: str, data: bytes, version: str | None) -> str:
        """As :meth:`Backend.put`."""
        with s3_requests.condition_told(path):
            return self._either(
                lambda objects: objects.put(path, data, version),
                lambda: s3_requests.put(self.filesystem, path, data, version),
            )

    def delete(self, path: str, root: str) -> None:
        """As :meth:`Backend.delete`."""
        self._either(lambda objects: objects.delete(path), lambda: self.filesystem.rm_file(path))

    def delete_tree(self, path: str, root: str, check: Callable[[], None]) -> None:
        """As :meth:`Backend.delete_tree`: what is there now.

        What another writes there meanwhile under new names is not touched.
        """
        names = [name for part in self.listed_parts(path) for name in part.paths]
        if not names and self.stat(path) is not None:
            names = [path]
        s3_requests.delete_all(self.filesystem, names, check)

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

    def web_url(self, path: str) -> str:
        """As :meth:`Backend.web_url`: as the environment's endpoint wants buckets named, and no login."""
        bucket, _, key = path.partition("/")
        url = redact_uri(url_of_bucket(self.filesystem, bucket))
        return f"{url}/{quote(key, safe='/')}" if key else url

    def arrow(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """As :meth:`Backend.arrow`; it reads the usual AWS variables in every process."""
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        return PyFileSystem(FSSpecHandler(self.filesystem))


def _facts(path: str, pages: Iterable[Page]) -> Iterator[ObjectFacts]:
    bucket = path.partition("/")[0]
    for page in pages:
        yield from page.rows.facts(bucket)
