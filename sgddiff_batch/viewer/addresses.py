"""Addresses: what a request may name, decoded once and then judged: a path is never decoded again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

CATALOGUE, OBJECTS, AREAS = "catalogue.parquet", "objects.parquet", "_areas"
_FILES = (CATALOGUE, OBJECTS, "collection.json")
_STORE = ".zarr"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST_FIELDS = 16


class NotServedError(LookupError):
    """What was asked for is not there, or is nothing that this server gives; the message says which."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a request names: the decoded parts of its path, and its query."""

    parts: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)


def address_of(target: str) -> Address:
    """Return what the target of a request names, ``/a/b?c=d``.

    Raises:
        NotServedError: if it cannot be decoded, or has a part that no name has.
    """
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise NotServedError("the address must begin with /")
    parts = tuple(_decoded(part) for part in path[1:].split("/"))
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise NotServedError("the query of the address cannot be decoded") from None
    if len(dict(fields)) < len(fields):
        raise NotServedError("the query of the address names something twice")
    return Address(parts, dict(fields))


def _decoded(part: str) -> str:
    try:
        found = unquote(part, errors="strict")
    except UnicodeDecodeError:
        found = "\0"
    if _BAD_ESCAPE.search(part) or "\0" in found:
        raise NotServedError("the address cannot be decoded")
    return found


def object_key(parts: tuple[str, ...]) -> str:
    """Return the key of an object of an output that viewers read: a file of its root, or one of a mosaic.

    Raises:
        NotServedError: for anything else: a ledger, a report, a way up, an empty part.
    """
    if any(part in ("", ".", "..") or "/" in part or "\\" in part for part in parts):
        raise NotServedError("the address has a part that is no name of an object")
    below = parts[2:] if parts[:1] == (AREAS,) else parts
    inner = below[:1] in [(name,) for name in _FILES] and len(below) == 1
    if not inner and not _is_of_a_store(below):
        raise NotServedError("the address names nothing of an output that is shown")
    return "/".join(parts)


def store_key(path: str) -> str:
    """Return the key of a mosaic below its output, from what a query says.

    Raises:
        NotServedError: if it can be none.
    """
    parts = tuple(path.split("/"))
    if not parts[-1].endswith(_STORE) or "\0" in path:
        raise NotServedError("store must be the path of a mosaic below its output, <scene id>/<name>.zarr")
    object_key((*parts, "zarr.json"))
    return path


def is_of_a_store(key: str) -> bool:
    """Whether an object lies in a mosaic, and is never written anew while that is current."""
    return f"{_STORE}/" in key


def _is_of_a_store(parts: tuple[str, ...]) -> bool:
    """Whether an object's path leads into a mosaic: no scene id begins with ``_``, as our own folders do."""
    return bool(parts) and not parts[0].startswith("_") and any(part.endswith(_STORE) for part in parts[1:-1])
