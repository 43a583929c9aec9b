"""Backend: one kind of storage, and the verbs that a :class:`Store` is made of.

A new kind, such as gs://, is a module with a class like :class:`sgddiff_batch.io.storage.s3.S3Backend`, and
a row of :data:`sgddiff_batch.core.schemes.SCHEMES` that names it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Protocol

from sgddiff_batch.core.fingerprint import Json
from sgddiff_batch.core.query import Access
from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.io.storage.columns import ListedPart

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

PART = 50
"""Objects removed by one call of :meth:`Backend.delete_tree`: who may not go on is stopped between two."""


@dataclass(frozen=True, slots=True)
class Versioned:
    """An object and the version that a replacement names: the ETag, or locally the content's SHA-256."""

    data: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it.

    ``version`` is another one whenever the content is another one: the ETag with size and time, or of a
    local file size, times and inode; None where the store gives nothing that can be relied on. ``changed_s``
    is when it was last written, in seconds since 1970.
    """

    version: str | None
    size_bytes: int
    changed_s: float


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """An object as it is looked at: its path, and what tells its content from any other.

    ``identity``: the ETag, or [size, time of the last change]. ``modified_s``: when it was last written, in
    seconds since 1970, where the storage says so.
    """

    path: str
    size_bytes: int
    identity: Json
    modified_s: float | None = None


class Backend(Protocol):
    """One kind of storage. Its paths are what follows ``scheme://``, or local ones of this machine.

    Calls raise what the client raises, which :meth:`translated` turns into our errors. Where there is no
    object, those that read or remove one raise FileNotFoundError; so they do below an object, whose name is
    in nobody's way in object storage. Of local files only what writes there finds one in its way, and that is
    a ConfigError.
    """

    scheme: ClassVar[str]
    over_network: ClassVar[bool]
    """Whether a question is a request, whose answer may be cut off, or not come."""
    gdal_prefix: ClassVar[str]
    """What GDAL's names of such files begin with."""

    @classmethod
    def opened(cls, access: Access, environment: Mapping[str, str]) -> Backend:
        """Return what serves the buckets of an access; nothing is asked."""
        ...

    @classmethod
    def gdal_settings(cls, access: Access, environment: Mapping[str, str]) -> dict[str, str]:
        """Return GDAL's settings for buckets of an access; the keys are always the same."""
        return {}

    @classmethod
    def credentials_found(cls, environment: Mapping[str, str]) -> str | None:
        """Return in words, without secrets, by which credentials it is asked; None where it needs none."""
        return None

    def translated(self, path: str) -> AbstractContextManager[None]:
        """Turn what the client raises in the body of a ``with`` into our errors; FileNotFoundError passes."""
        ...

    # What is there.

    def read(self, path: str) -> bytes:
        """Return an object."""
        ...

    def read_part(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop) of an object, fewer where it ends before; one request."""
        ...

    def read_many(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield objects by path; one that is gone is left out."""
        ...

    def read_versioned(self, path: str) -> Versioned:
        """Return an object and the version of these very bytes."""
        ...

    def open(self, path: str) -> IO[bytes]:
        """Open an object to be read here and there."""
        ...

    def stat(self, path: str) -> ObjectFacts | None:
        """Return what is known of an object, None where there is none."""
        ...

    def listed(self, path: str) -> Iterable[tuple[str, Listed]]:
        """Return the objects below a path, those of killed writers included."""
        ...

    def listed_parts(self, path: str) -> Iterator[ListedPart]:
        """Yield what :meth:`listed` tells, in columns."""
        rows = list(self.listed(path))
        facts = [facts for _, facts in rows]
        yield ListedPart(
            [name for name, _ in rows],
            [one.version for one in facts],
            [one.size_bytes for one in facts],
            [one.changed_s for one in facts],
        )

    def find(self, path: str, begin: str = "") -> Iterable[ObjectFacts]:
        """Return the object of a path, or those below it whose names from there begin so.

        Raises:
            BucketError, ConfigError, RetryableError: it is this call that archives are listed by.
        """
        ...

    def find_each(self, path: str, begin: str = "") -> Iterator[ObjectFacts]:
        """Yield the objects below a path as :meth:`find` tells of them, while they are being listed."""
        yield from self.find(path, begin)

    def files_in(self, folder: str, wanted: Set[str], begin: str) -> list[ObjectFacts]:
        """Return the objects right in a folder whose lower-case names are ``wanted``; none without it.

        begin: how all their names begin, in the case of one listing. Raises as :meth:`find`.
        """
        ...

    def entries(self, path: str) -> dict[str, str | None]:
        """Return what lies right in a folder, by name, as :meth:`Store.entries`."""
        ...

    # Changes.

    def write(self, path: str, data: bytes) -> None:
        """Put an object, whole or not at all."""
        ...

    def write_typed(self, path: str, data: bytes, content_type: str) -> None:
        """Put an object that browsers are told the media type of, where the storage keeps one."""
        self.write(path, data)

    def put(self, path: str, data: bytes, version: str | None) -> str:
        """Put an object if it has ``version`` (None: if there is none); return its new version.

        Raises:
            RefusedError: if it has not.
            ConflictError: if another such write is in passing.
        """
        ...

    def delete(self, path: str, root: str) -> None:
        """Remove an object, and folders below ``root`` that it leaves empty."""
        ...

    def delete_tree(self, path: str, root: str, check: Callable[[], None]) -> None:
        """Remove what is at a path and below it; ``check`` is called before each :data:`PART`, and may raise.

        Folders below ``root`` that it leaves empty are removed, too.
        """
        ...

    # Other libraries at the same objects.

    def zarr(self, path: str, *, read_only: bool) -> ZarrStore:
        """Return the zarr store at a path."""
        ...

    def gdal_path(self, path: str) -> str:
        """Return the name by which GDAL opens an object, and that it cannot take for another."""
        return f"{self.gdal_prefix}{path}"

    def arrow(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return the file system by which pyarrow reads and writes the same paths."""
        ...

    # What only some kinds have; the answers here are those of object storage.

    def local_path(self, path: str) -> Path | None:
        """Return the file of this machine that an object is; None of an object of anything else."""
        return None

    def web_url(self, path: str) -> str | None:
        """Return the address by which browsers ask for a path; None where they cannot."""
        return None

    def is_link(self, path: str) -> bool:
        """Whether an entry of a folder leads somewhere else."""
        return False

    def is_in_sight(self, path: str) -> bool:
        """Whether its folder shows what is there; one of a disk that is not mounted does not."""
        return True

    def temporary(self, path: str) -> Iterator[ObjectFacts]:
        """Yield what writers left below a path that were killed, and locks of those that live."""
        yield from ()

    def sweep(self, path: str) -> None:
        """Remove what :meth:`temporary` yields."""


def is_loaded(scheme: str) -> bool:
    """Whether this process has loaded the class that serves a scheme of the table."""
    return SCHEMES[scheme].partition(":")[0] in sys.modules


def load_backend(scheme: str) -> type[Backend]:
    """Return the class that serves a scheme of the table."""
    return _loaded(SCHEMES[scheme])


@cache
def _loaded(place: str) -> type[Backend]:
    from importlib import import_module

    module, _, name = place.partition(":")
    backend: type[Backend] = getattr(import_module(module), name)
    return backend
