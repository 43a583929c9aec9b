"""The archive section of the main job's config: sources of scenes, filters, and where links may lead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from sgddiff_batch.config.reading import Section, TimePattern, Uri, check_no_login
from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.query import Access, ArchiveQuery, AssetRule, BucketAccess, Source
from sgddiff_batch.core.schemes import SCHEMES, bucket_of, examples, spoken
from sgddiff_batch.core.selection import Duplicates, Filters, NewestBy
from sgddiff_batch.core.source_kinds import SOURCE_KINDS, is_web
from sgddiff_batch.core.times import parse_span

_HOST = re.compile(r"(?:https?://)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_OURS = {
    *("accept", "accept-encoding", "connection", "content-length", "content-type", "host"),
    *("transfer-encoding", "user-agent"),
}
"""Headers that requests have anyhow, which two of would be read by nobody knows whom."""


def _check_source(uri: str) -> str:
    if is_web(uri):
        parts = urlsplit(uri)
        if not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be https://host/..., without a user's name or password")
        return uri
    check_no_login(uri)
    scheme, separator, rest = uri.partition("://")
    if separator and (scheme not in SCHEMES or not rest.strip("/")):
        raise ValueError(f"must be a local path, {examples()} or a STAC API's https://, got {uri!r}")
    return uri


def _check_kind(kind: str) -> str:
    known = ("auto", *SOURCE_KINDS)
    if kind not in known:
        raise ValueError(f"must be one of {', '.join(known)}, got {kind!r}")
    return kind


def _check_time(text: str) -> str:
    parse_span(text)
    return text


def _check_box(numbers: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    Box(*numbers)
    return numbers


def _check_sizes(sizes: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    least, most = sizes
    if least is not None and most is not None and least > most:
        raise ValueError(f"the least size must not be above the most, got {list(sizes)}")
    return sizes


def _check_pattern(text: str) -> str:
    try:
        Duplicates(re.compile(text))
    except re.error as error:
        raise ValueError(f"must be a regular expression ({error}), got {text!r}") from None
    return text


def _check_host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ValueError(f"must be a host's name, with :port where it is not the usual one, got {host!r}")
    return host


def _check_headers(given: object) -> object:
    """Return headers and variables as they are; what else is there may be a secret, and is not shown."""
    rows = list(given.items()) if isinstance(given, Mapping) else [(None, None)]
    if not all(_is_text(name, _HEADER) and _is_text(key, _VARIABLE) for name, key in rows):
        raise ValueError(
            "must be {Header-Name: ENVIRONMENT_VARIABLE, ...}, the name of the variable that holds the value "
            "and never the value itself, got something else, which is not shown"
        )
    names = [str(name).lower() for name, _ in rows]
    wrong = sorted({name for name in names if name in _OURS or names.count(name) > 1})
    if wrong:
        raise ValueError(f"must not set {wrong[0]}, or a header twice, got {', '.join(sorted(names))}")
    return given


def _is_text(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


SourceUri = Annotated[str, Field(min_length=1), AfterValidator(_check_source)]
Kind = Annotated[str, AfterValidator(_check_kind)]
Host = Annotated[str, AfterValidator(_check_host)]
Glob = Annotated[str, Field(min_length=1)]
Bucket = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Size = Annotated[int, Field(ge=0, strict=True)] | None
HeadersFromEnv = Annotated[dict[str, str], BeforeValidator(_check_headers)]


class AssetConfig(Section):
    """The asset of a STAC item that is the scene: the only GeoTIFF with this role."""

    role: str


class SourceConfig(Section):
    """One place that names scenes.

    ``uri``: a folder or prefix, a glob, a .txt, .csv or .parquet list (stac-geoparquet too), a static STAC
    catalog (.json), or a STAC API (https://). ``kind`` says which where auto does not see it from the name.
    ``collections`` and ``asset`` (a key, or {role: ...}) are for STAC. ``access``: how the bucket of ``uri``
    is asked: own (the environment's credentials), anonymous (none), requester-pays (own, and they pay).
    ``headers_from_env``: what the host of a private STAC API is sent beside each request: of each header the
    environment variable that holds its value, {Authorization: STAC_AUTHORIZATION}.
    """

    uri: SourceUri
    kind: Kind = "auto"
    collections: tuple[str, ...] = ()
    asset: Literal["auto"] | AssetConfig | str = "auto"
    access: Access = "own"
    headers_from_env: HeadersFromEnv = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_bucket(self) -> SourceConfig:
        if self.access != "own" and not bucket_of(self.uri):
            raise ValueError(
                f"access {self.access} is for s3://, got {self.uri!r}; archive.bucket_access is for the "
                "buckets that links lead to"
            )
        return self

    @model_validator(mode="after")
    def _kind_fits(self) -> SourceConfig:
        on_web, row = is_web(self.uri), SOURCE_KINDS.get(self.kind)
        if row and on_web and not row.on_web:
            raise ValueError(f"kind {self.kind} is for {spoken()}, got {self.uri!r}")
        if row and not on_web and not row.in_storage:
            raise ValueError(f"kind {self.kind} is for https://, got {self.uri!r}")
        if self.headers_from_env and not on_web:
            raise ValueError(f"headers_from_env is for https://, got {self.uri!r}")
        return self

    def source(self) -> Source:
        """Return the source as the core knows it."""
        role = self.asset.role if isinstance(self.asset, AssetConfig) else None
        key = self.asset if isinstance(self.asset, str) and self.asset != "auto" else None
        headers = tuple(sorted(self.headers_from_env.items()))
        return Source(self.uri, self.kind, self.collections, AssetRule(key, role), headers)


class FilterConfig(Section):
    """Which scenes are wanted.

    ``datetime``: a date, or start/stop with .. for open. ``bbox``: [west, south, east, north] in degrees.
    ``cloud_cover_below``: percent. These ask a catalogue, ``datetime`` also ``archive.time_pattern``: a scene
    of which none knows is left out, and told of. ``size``: [least, most] in bytes, null for open. ``names``
    and ``exclude``: globs; one without ``/`` is for the file's name, one with it for the whole path below the
    archive, where ``*`` matches ``/`` too.
    """

    datetime: Annotated[str, AfterValidator(_check_time), BeforeValidator(str)] | None = None
    bbox: Annotated[tuple[float, float, float, float], AfterValidator(_check_box)] | None = None
    cloud_cover_below: float | None = Field(default=None, gt=0, le=100)
    size: Annotated[tuple[Size, Size], AfterValidator(_check_sizes)] = (None, None)
    names: tuple[Glob, ...] = ()
    exclude: tuple[Glob, ...] = ()

    def filters(self) -> Filters:
        """Return the filters as the core knows them."""
        return Filters(
            parse_span(self.datetime) if self.datetime else None,
            Box(*self.bbox) if self.bbox else None,
            self.cloud_cover_below,
            self.size,
            tuple(map(_pattern, self.names)),
            tuple(map(_pattern, self.exclude)),
        )


class DuplicateConfig(Section):
    """How versions of one scene are told, and which of them is the newest.

    ``key``: a regular expression that is searched in a scene's path; what its groups hold (those called
    ``version`` apart) is equal for all versions of a scene. ``newest_by``: name (the group ``version``, else
    the whole path; numbers count as numbers), datetime (the picture's) or modified (the file's); ties go to
    the greater name.
    """

    key: Annotated[str, Field(min_length=1), AfterValidator(_check_pattern)]
    newest_by: NewestBy = "name"


class ArchiveConfig(SourceConfig):
    """Where the scenes are: one source, what ``also`` knows of them, and which are wanted.

    Scene ids count from the folder of ``uri``. ``allow_hosts``: hosts besides the sources' own that links of
    a catalogue may lead to; ``allow_folders``: local folders that these, and symbolic links, may lead to;
    ``host_buckets``: the s3:// prefix by which the files of a host are read; ``bucket_access``: how buckets
    are asked that links or lists name. ``time_pattern``: a regular expression that is searched in the id of a
    scene whose time no catalogue knows; its groups hold the digits (2026, 202601, 20260131, 20260131120000).
    """

    time_pattern: TimePattern | None = None
    also: tuple[SourceConfig, ...] = ()
    filters: FilterConfig = FilterConfig()
    duplicates: DuplicateConfig | None = None
    allow_hosts: tuple[Host, ...] = ()
    allow_folders: tuple[str, ...] = ()
    host_buckets: dict[Host, Uri] = Field(default_factory=dict)
    bucket_access: dict[Bucket, Access] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _accesses_agree(self) -> ArchiveConfig:
        self._access()
        return self

    def _access(self) -> BucketAccess:
        """Return how each bucket is asked, each in one way: of two, one would be a leak or a bill."""
        named = [(bucket, one.access) for one in (self, *self.also) if (bucket := bucket_of(one.uri))]
        found: dict[str, Access] = {}
        for bucket, access in (*self.bucket_access.items(), *named):
            if found.setdefault(bucket, access) != access:
                raise ValueError(f"the bucket {bucket} is given two accesses, {found[bucket]} and {access}")
        return BucketAccess(found)

    def query(self) -> ArchiveQuery:
        """Return everything that decides which scenes there are, as the core knows it."""
        rule = self.duplicates
        return ArchiveQuery(
            (self.source(), *(one.source() for one in self.also)),
            self.filters.filters(),
            Duplicates(re.compile(rule.key), rule.newest_by) if rule else None,
            self.allow_hosts,
            self.allow_folders,
            self.host_buckets,
            self._access(),
            re.compile(self.time_pattern) if self.time_pattern else None,
        )

    def with_paths(self, resolve: Callable[[str], str]) -> ArchiveConfig:
        """Return this section with every local path replaced by what ``resolve`` makes of it."""
        updates: dict[str, Any] = {
            "uri": resolve(self.uri),
            "also": tuple(one.model_copy(update={"uri": resolve(one.uri)}) for one in self.also),
            "allow_folders": tuple(map(resolve, self.allow_folders)),
        }
        return self.model_copy(update=updates)


def _pattern(glob: str) -> re.Pattern[str]:
    """Return the pattern that the whole path of a scene matches where the glob wants it."""
    inside = translate(glob.removeprefix("/"))
    return re.compile(inside if "/" in glob else rf"(?s:(?:.*/)?){inside}")
