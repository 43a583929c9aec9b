"""Links: where the hrefs of a catalogue may lead. What a config does not name is refused.

An href is a URI reference: its path is decoded once, its query and fragment are no part of a file's name, and
what is refused is judged after that. Web addresses that are asked stay as they are written.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urljoin, urlsplit

from sgddiff_batch.core.query import OWN, ArchiveQuery, BucketAccess
from sgddiff_batch.core.schemes import SCHEMES, scheme_of
from sgddiff_batch.core.source_kinds import is_web
from sgddiff_batch.core.words import shown
from sgddiff_batch.errors import SceneError
from sgddiff_batch.io.archive import is_bucket, root_of

_LONGEST_LINK = 4096
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SPECIAL = re.compile(r"[%?#]")
_BUCKET_HOST = re.compile(r"([a-z0-9][a-z0-9.-]*)\.s3[.-](?:[a-z0-9.-]+\.)?amazonaws\.com")
_PATH_HOST = re.compile(r"s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com")


class LinkRefusedError(SceneError):
    """A link leads where the config does not allow it to, or nowhere at all."""


@dataclass(frozen=True, slots=True)
class AllowedLinks:
    """Where links may lead: ``origins`` (``https://host:port``), and local ``folders`` with all below them.

    Buckets are always within reach: what may be read there, the credentials decide. ``buckets`` say by which
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
        return self._followed(_checked(href), base, _path_of)

    def as_written(self, href: object, base: str) -> str | None:
        """Return where a link leads if its writer meant no URI but a plain name, "a%20b.tif" or "a#1.tif".

        None where that is no other place than :meth:`follow` returns, or not allowed.
        """
        if not isinstance(href, str) or not _SPECIAL.search(href):
            return None
        try:
            followed, plain = self.follow(href, base), self._followed(_checked(href), base, str)
        except LinkRefusedError:
            return None
        return None if plain in (followed, base) or is_web(plain) else plain

    def _followed(self, link: str, base: str, path_of: Callable[[str], str]) -> str:
        scheme = _SCHEME.match(link)
        if is_web(base) and not scheme:
            return self._web(_joined(base, link))
        if scheme is None:
            return self._relative(path_of(link), link, base)
        name = scheme[1].lower()
        if name in ("http", "https"):
            return self._web(link)
        if name in SCHEMES:
            bucket, _, key = link[len(f"{name}://") :].partition("/")
            is_whole = link[: len(f"{name}://")].lower() == f"{name}://"
            return _object(name, bucket if is_whole else "", path_of(key), link)
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
        if not is_web(place):
            return place
        parts = urlsplit(place)
        path = _path_of(f"{parts.path}?{parts.query}").lstrip("/")
        prefix = self.buckets.get(origin(place) or "")
        host = parts.hostname or ""
        if prefix is None and (named := _BUCKET_HOST.fullmatch(host)):
            prefix = f"s3://{named[1]}"
        if prefix is not None or _PATH_HOST.fullmatch(host):
            scheme, _, below = (prefix or "s3://").rpartition("://")
            bucket, _, key = f"{below.rstrip('/')}/{path}".lstrip("/").partition("/")
            return _object(scheme or "s3", bucket, key, place)
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise LinkRefusedError(
            f"its link {shown(place)!r} is https, and scenes are read from {known} and local folders only; "
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
        if parts is None or parts.netloc not in ("", "localhost"):
            raise LinkRefusedError(f"its link {shown(link)!r} is no usable file URL")
        return self._local(_path_of(parts.path), link)

    def _relative(self, path: str, link: str, base: str) -> str:
        folder = posixpath.dirname(base)
        if not scheme_of(base) or path.startswith("/"):
            return self._local(posixpath.join(folder, path), link)
        scheme, _, here = folder.partition("://")
        bucket, _, key = posixpath.normpath(posixpath.join(here, path)).partition("/")
        if key and bucket != here.partition("/")[0]:
            raise LinkRefusedError(f"its link {shown(link)!r} leads out of the bucket of its catalogue")
        return _object(scheme, bucket, key, link)

    def _local(self, path: str, link: str) -> str:
        full = os.path.normpath(path)
        if "\0" in full:
            raise LinkRefusedError(f"its link {shown(link)!r} is no usable name of a file")
        if not self._allows(full):
            raise LinkRefusedError(
                f"its link {shown(link)!r} leads to a local file outside the folders of the archive, "
                "which archive.allow_folders does not name"
            )
        return full

    def _allows(self, path: str) -> bool:
        """Whether a path lies in an allowed folder, as it is written, and in one where its links lead."""
        real = os.path.realpath(path)
        return any(_is_below(path, folder) for folder in self.folders) and any(
            _is_below(real, os.path.realpath(folder)) for folder in self.folders
        )


def allowed_links_of(query: ArchiveQuery) -> AllowedLinks:
    """Return where the links of an archive's sources may lead: to themselves, and to what is named."""
    uris = [source.uri for source in query.sources]
    web = [uri for uri in uris if is_web(uri)]
    local = [uri for uri in uris if "://" not in uri]
    named = [host if "://" in host else f"https://{host}" for host in (*query.hosts, *query.buckets)]
    origins = frozenset(filter(None, map(origin, (*web, *named))))
    folders = (*map(root_of, local), *map(os.path.abspath, query.folders))
    buckets = {
        origin(host if "://" in host else f"https://{host}") or "": bucket
        for host, bucket in query.buckets.items()
    }
    return AllowedLinks(origins, folders, buckets, query.access)


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


def _checked(href: object) -> str:
    if not isinstance(href, str) or not href.strip():
        raise LinkRefusedError("it has a link without an href")
    link = href.strip()
    if len(link) > _LONGEST_LINK:
        raise LinkRefusedError(f"its link {shown(link)[:60]!r}... has {len(link)} characters")
    if any(not character.isprintable() for character in link) or "\\" in link:
        raise LinkRefusedError(f"its link {shown(link)!r} holds characters that no link has")
    return link


def _path_of(link: str) -> str:
    """Return the decoded path of a URI reference without scheme and host; as it is where that is no text.

    Raises:
        LinkRefusedError: if it asks for a version of an object: scenes are read as they are now.
    """
    path, _, rest = link.partition("?")
    if "versionId" in parse_qs(rest.partition("#")[0], keep_blank_values=True):
        raise LinkRefusedError(
            f"its link {shown(link)!r} asks for one version of an object, which is not spoken"
        )
    path = path.partition("#")[0]
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        return path


def _object(scheme: str, bucket: str, key: str, link: str) -> str:
    """Return the URI of a decoded key, if it means one object of one bucket to everybody."""
    if not is_bucket(bucket) or not key or "\0" in key:
        raise LinkRefusedError(f"its link {shown(link)!r} names no object of a bucket")
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise LinkRefusedError(f"its link {shown(link)!r} has an empty, '.' or '..' part")
    return f"{scheme}://{bucket}/{key}"


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


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
