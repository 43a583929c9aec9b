"""Schemes: what a URI may start with, and what of it is its bucket and its path."""

from __future__ import annotations

import re

from sgddiff_batch.errors import ConfigError

SCHEMES: dict[str, str] = {"s3": "sgddiff_batch.io.storage.s3:S3Backend"}
"""A row for each kind of object storage: what its URIs start with, and the class that serves them.

The class is named and not imported: configs ask for the schemes alone, and :mod:`sgddiff_batch.io.storage`
loads a backend when it meets the first URI of its own.
"""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI, "" of a path of this machine.

    Raises:
        ConfigError: if it has a scheme that this project does not speak, or another spelling of one.
    """
    found = _SCHEME.match(uri)
    if found and found[1] not in SCHEMES:
        raise ConfigError(f"{uri!r} starts with {found[1]}://; allowed are {spoken()}")
    return found[1] if found else ""


def split_uri(uri: str) -> tuple[str, str, str]:
    """Return scheme, bucket and key of a URI of object storage, three times "" of anything else."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in SCHEMES:
        return "", "", ""
    bucket, _, key = rest.partition("/")
    return scheme, bucket, key


def bucket_of(uri: str) -> str:
    """Return the bucket of a URI of object storage, "" of anything else."""
    return split_uri(uri)[1]


def spoken() -> str:
    """Return in words what URIs may be: "local paths and s3://"."""
    *first, last = ["local paths", *(f"{scheme}://" for scheme in SCHEMES)]
    return f"{', '.join(first)} and {last}"


def examples() -> str:
    """Return in words how URIs of object storage look: "s3://bucket/..."."""
    return " or ".join(f"{scheme}://bucket/..." for scheme in SCHEMES)
