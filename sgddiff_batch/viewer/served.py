"""Served: an object as it is given away: its size, its ETag, and its bytes, all of them of one version."""

from __future__ import annotations

import posixpath
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sgddiff_batch.core.fingerprint import bytes_digest, digest
from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.storage import ObjectFacts, Store
from sgddiff_batch.viewer.addresses import NotServedError, is_of_a_store
from sgddiff_batch.viewer.ranges import Span

PART_BYTES = 2**22
"""So much of an object is in memory at a time, for each request."""
ASK_AGAIN = "no-cache"
KEPT = "private, max-age=300"
"""How long browsers keep parts of mosaics, which are written once, and then may be found damaged."""

_ETAG_DIGITS = 32
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".parquet": "application/vnd.apache.parquet",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}


class Served(Protocol):
    """What answers a request."""

    @property
    def size_bytes(self) -> int:
        """The size of the whole."""
        ...

    @property
    def etag(self) -> str:
        """What tells its content from any other, in quotes."""
        ...

    @property
    def content_type(self) -> str:
        """Its media type."""
        ...

    @property
    def cache_control(self) -> str:
        """How long browsers keep it."""
        ...

    def parts(self, span: Span) -> Iterator[bytes]:
        """Yield the bytes of a span, a part after the other, all of the version that the ETag is of.

        Raises:
            FileNotFoundError, NotServedError: if it is gone.
            ConfigError, RetryableError: as calls of a store; if another version is there now.
        """
        ...


@dataclass(frozen=True, slots=True)
class ServedBytes:
    """An answer that is made for the request."""

    data: bytes
    content_type: str = _TYPES[".json"]
    cache_control: str = ASK_AGAIN

    @property
    def size_bytes(self) -> int:
        """As :attr:`Served.size_bytes`."""
        return len(self.data)

    @property
    def etag(self) -> str:
        """As :attr:`Served.etag`."""
        return f'"{bytes_digest(self.data)[:_ETAG_DIGITS]}"'

    def parts(self, span: Span) -> Iterator[bytes]:
        """As :meth:`Served.parts`."""
        yield self.data[span.start : span.stop]


@dataclass(frozen=True, slots=True)
class ServedObject:
    """An object of a store, as it was when it was looked at; ``forget`` is called where it is so no more."""

    store: Store
    key: str
    facts: ObjectFacts
    forget: Callable[[], None] = field(default=lambda: None, compare=False)

    @property
    def size_bytes(self) -> int:
        """As :attr:`Served.size_bytes`."""
        return self.facts.size_bytes

    @property
    def etag(self) -> str:
        """As :attr:`Served.etag`: of a digest, for a store's own may hold what no header does."""
        return f'"{digest([self.facts.size_bytes, self.facts.identity])[:_ETAG_DIGITS]}"'

    @property
    def content_type(self) -> str:
        """As :attr:`Served.content_type`."""
        return type_of(self.key or self.store.root)

    @property
    def cache_control(self) -> str:
        """As :attr:`Served.cache_control`."""
        return KEPT if is_of_a_store(self.key) else ASK_AGAIN

    def parts(self, span: Span) -> Iterator[bytes]:
        """As :meth:`Served.parts`: before the last part is given away, the object is looked at again."""
        for start in range(span.start, span.stop, PART_BYTES):
            stop = min(start + PART_BYTES, span.stop)
            try:
                data = self.store.read_part(self.key, start, stop)
            except FileNotFoundError:
                self.forget()
                raise
            if len(data) != stop - start or (stop == span.stop and self._has_changed()):
                self.forget()
                raise RetryableError(f"{self.store.uri_of(self.key)} changed while it was read; ask again")
            yield data

    def _has_changed(self) -> bool:
        if is_of_a_store(self.key):  # written once: not worth a request for each read
            return False
        facts = self.store.stat(self.key)
        return facts is None or facts.identity != self.facts.identity


class Looks:
    """What objects were when they were looked at last, for a while: of an object on S3 a look is a request.

    Shared by threads. What changes meanwhile is noticed when it is read, see :meth:`ServedObject.parts`.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: OrderedDict[str, tuple[float, ObjectFacts]] = OrderedDict()

    def at(self, store: Store, key: str, kept_s: float = 0.0) -> ServedObject:
        """Return an object as it is now, or was at most ``kept_s`` seconds ago.

        Raises:
            NotServedError: if there is none.
            ConfigError, RetryableError: as calls of a store.
        """
        uri = store.uri_of(key)
        with self._lock:
            since, known = self._found.get(uri, (0.0, None))
        if known is None or time.monotonic() - since >= kept_s:
            since, known = time.monotonic(), store.stat(key)
            self._keep(uri, since, known)
        if known is None:
            raise NotServedError(f"there is no {uri}")
        return ServedObject(store, key, known, lambda: self._keep(uri, 0.0, None))

    def _keep(self, uri: str, since: float, facts: ObjectFacts | None) -> None:
        with self._lock:
            self._found.pop(uri, None)
            if facts is not None:
                self._found[uri] = since, facts
            if len(self._found) > self._most:
                self._found.popitem(last=False)


def type_of(name: str) -> str:
    """Return the media type of what is called so."""
    return _TYPES.get(posixpath.splitext(name)[1].lower(), "application/octet-stream")
