"""What is asked of an archive: its sources, where their links may lead, and which scenes are wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sgddiff_batch.core.schemes import bucket_of
from sgddiff_batch.core.selection import Duplicates, Filters

Access = Literal["own", "anonymous", "requester-pays"]
"""How a bucket is asked: with the environment's credentials; with none; with them, and the asker pays."""


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """How each bucket of an archive is asked; those not named, with the environment's credentials."""

    by_bucket: Mapping[str, Access] = field(default_factory=dict)

    def of(self, uri: str) -> Access:
        """Return how the bucket of a URI of object storage is asked; of any other URI it is never used."""
        return self.by_bucket.get(bucket_of(uri), "own")


OWN = BucketAccess()
"""Every bucket with the environment's credentials."""


@dataclass(frozen=True, slots=True)
class AssetRule:
    """Which asset of a STAC item is the scene: that of ``key``, or the only GeoTIFF with ``role``.

    With neither, the only GeoTIFF that there is; else the one called or with the role ``visual``; else the
    only one with the role ``data``.
    """

    key: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One place that names scenes. ``collections`` () are all.

    ``kind``: one of :data:`sgddiff_batch.core.source_kinds.SOURCE_KINDS`, or auto: what it looks like.
    ``headers_from_env``: headers that its host is sent, each with the environment variable of its value.
    """

    uri: str
    kind: str = "auto"
    collections: tuple[str, ...] = ()
    asset: AssetRule = field(default=AssetRule())
    headers_from_env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """Everything that decides which scenes an archive has.

    The first source is the archive itself: scene ids count from its folder. ``hosts`` are those that links
    may lead to besides the sources' own; ``folders`` the local folders besides the sources' own; ``buckets``
    say by which ``s3://bucket/prefix`` the files of a host are read; ``access``, how each bucket is asked.
    ``time_pattern`` is searched in the ids of scenes whose time no catalogue knows: its groups are digits.
    """

    sources: tuple[Source, ...]
    filters: Filters = field(default=Filters())
    duplicates: Duplicates | None = None
    hosts: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    buckets: Mapping[str, str] = field(default_factory=dict)
    access: BucketAccess = OWN
    time_pattern: re.Pattern[str] | None = None

    @property
    def asks_times(self) -> bool:
        """Whether the time of a scene decides whether it is wanted."""
        by_time = self.duplicates is not None and self.duplicates.newest_by == "datetime"
        return by_time or self.filters.time is not None
