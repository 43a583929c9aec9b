"""Links: where the hrefs of a catalogue may lead. What a config does not name is refused."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from sgddiff_batch.core.archive import OWN, ArchiveQuery, BucketAccess
from sgddiff_batch.errors import SceneError
from sgddiff_batch.io import stores
from sgddiff_batch.io.archive_files import printable
from sgddiff_batch.io.catalog import root_of

_LONGEST_LINK = 4096
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_BUCKET_HOST = re.compile(r"([a-z0-9][a-z0-9.-]*)\.s3[.-](?:[a-z0-9.-]+\.)?amazonaws\.com")
_PATH_HOST = re.compile(r"s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com")


class LinkRefusedError(SceneError):
    """A link leads where the config does not allow it to, or nowhere at all."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where links may lead: ``origins`` (``https://host:port``), and local ``folders`` with all below them.

    ``s3://`` is always within reach: what may be read there, the credentials decide. ``buckets`` say by which
    ``s3://bucket/prefix`` the files of an origin are read; those of AWS's own hosts need no such entry.
    """

    origins: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()
    buckets: Mapping[str, str] = field(default_factory=dict)
    access: BucketAccess = OWN

    def follow(self, href: object, base: str) -> str:
        """Return the local path, s3:// or http(s):// URI that a link in the document ``base`` leads to.

        Raises:
            LinkRefusedError: if it leads nowhere, or to what is not allowed.
        """
        link = _checked(href)
        scheme = _SCHEME.match(link)
        if base.startswith(("http://", "https://")) and not scheme:
            return self._web(_joined(base, link))
        if scheme is None:
            return self._relative(link, base)
        name = scheme[1].lower()
        if name in ("http", "https"):
            return self._web(link)
        if name == "s3":
            return _s3(link)
        if name == "file":
            return self._file(link)
        raise LinkRefusedError(f"its link {shown(link)!r} starts with {name}:, which is not spoken")

    def scene(self, href: object, base: str) -> str:
        """Return the local path or s3:// URI of the raster that a link leads to, see :meth:`follow`.

        Rasters are read through S3 or from local folders, never over plain https.

        Raises:
            LinkRefusedError: as :meth:`follow`, and for a file of a host that no bucket stands for.
        """
        place = self.follow(href, base)
        if not place.startswith(("http://", "https://")):
            return place
        parts = urlsplit(place)
        path = unquote(parts.path).lstrip("/")
        bucket = self.buckets.get(origin(place) or "")
        if bucket is not None:
            return _s3(f"{bucket.rstrip('/')}/{path}")
        host = parts.hostname or ""
        if _PATH_HOST.fullmatch(host):
            return _s3(f"s3://{path}")
        if named := _BUCKET_HOST.fullmatch(host):
            return _s3(f"s3://{named[1]}/{path}")
        raise LinkRefusedError(
            f"its link {shown(place)!r} is https, and scenes are read from s3:// and local folders only; "
            f"archive.host_buckets can say which bucket {host} stands for"
        )

    def _web(self, link: str) -> str:
        here = origin(link)
        if here is None:
            raise LinkRefusedError(f"its link {shown(link)!r} is no usable URL")
        if here not in self.origins:
            raise LinkRefusedError(
                f"its link {shown(link)!r} leads to {here}, which archive.allow_hosts does not name"
            )
        return link.partition("#")[0]

    def _file(self, link: str) -> str:
        parts = _split(link)
        if parts is None or parts.netloc not in ("", "localhost") or "\0" in unquote(parts.path):
            raise LinkRefusedError(f"its link {shown(link)!r} is no usable file URL")
        return self._local(unquote(parts.path), link)

    def _relative(self, link: str, base: str) -> str:
        folder = posixpath.dirname(base)
        if stores.is_local(base) or link.startswith("/"):
            return self._local(posixpath.join(folder, link), link)
        return _s3(f"s3://{posixpath.normpath(posixpath.join(folder.removeprefix('s3://'), link))}", base)

    def _local(self, path: str, link: str) -> str:
        full = os.path.normpath(path)
        if not any(_is_below(full, folder) for folder in self.folders):
            raise LinkRefusedError(
                f"its link {shown(link)!r} leads to a local file outside the folders of the archive, "
                "which archive.allow_folders does not name"
            )
        return full


def reach_of(query: ArchiveQuery) -> Reach:
    """Return where the links of an archive's sources may lead: to themselves, and to what is named."""
    uris = [source.uri for source in query.sources]
    web = [uri for uri in uris if uri.startswith(("http://", "https://"))]
    local = [uri for uri in uris if "://" not in uri]
    named = [host if "://" in host else f"https://{host}" for host in (*query.hosts, *query.buckets)]
    origins = frozenset(filter(None, map(origin, (*web, *named))))
    folders = (*map(root_of, local), *map(os.path.abspath, query.folders))
    buckets = {
        origin(host if "://" in host else f"https://{host}") or "": bucket
        for host, bucket in query.buckets.items()
    }
    return Reach(origins, folders, buckets, query.access)


def origin(url: str) -> str | None:
    """Return ``scheme://host:port`` of a web address, None where it has none or holds a user's name."""
    parts = _split(url)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    try:
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.hostname.rstrip('.')}:{port}"


def shown(link: str) -> str:
    """Return a link as messages show it: without user, password and query, which may be secrets; not long."""
    bare = re.sub(r"(?<=//)[^/]*@", "", re.split(r"[?#]", link, maxsplit=1)[0])
    return printable(bare)[:200]


def _checked(href: object) -> str:
    if not isinstance(href, str) or not href.strip():
        raise LinkRefusedError("it has a link without an href")
    link = href.strip()
    if len(link) > _LONGEST_LINK:
        raise LinkRefusedError(f"its link {shown(link)[:60]!r}... has {len(link)} characters")
    if any(not character.isprintable() for character in link) or "\\" in link:
        raise LinkRefusedError(f"its link {shown(link)!r} holds characters that no link has")
    return link


def _s3(link: str, base: str | None = None) -> str:
    """Return an s3:// link as it is, if it means one object of one bucket (that of ``base``) to everybody."""
    bucket, _, key = link[len("s3://") :].partition("/")
    parts = key.split("/")
    if link[:5].lower() != "s3://" or not _BUCKET.fullmatch(bucket) or not key:
        raise LinkRefusedError(f"its link {shown(link)!r} names no object of a bucket")
    if any(part in ("", ".", "..") for part in parts):
        raise LinkRefusedError(f"its link {shown(link)!r} has an empty, '.' or '..' part")
    if base is not None and bucket != base.removeprefix("s3://").partition("/")[0]:
        raise LinkRefusedError(f"its link {shown(link)!r} leads out of the bucket of its catalogue")
    return f"s3://{bucket}/{key}"


def _is_below(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, both as it is written and where its symbolic links lead."""
    real, real_folder = os.path.realpath(path), os.path.realpath(folder)
    return path.startswith(f"{folder.rstrip('/')}/") and real.startswith(f"{real_folder.rstrip('/')}/")


def _joined(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:
        raise LinkRefusedError(f"its link {shown(link)!r} is no usable URL") from None


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
