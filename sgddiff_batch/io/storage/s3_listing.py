"""Listings of S3, a page of 1000 objects at a time, at a few microseconds an object.

botocore makes a dictionary and a date of each object of a page, after it has read the page's XML twice: 115
microseconds an object in all. So the rows are taken out of a page before botocore reads it; the request is
botocore's, and so is all else of the reply: errors, folders, what comes next. A page that does not look as S3
writes it is left to botocore as a whole. obstore's listing is no faster, and tells ``a/`` as ``a``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from botocore import handlers
from fsspec import AbstractFileSystem
from fsspec.asyn import sync

from sgddiff_batch.core.fingerprint import Json
from sgddiff_batch.io.storage.backend import ObjectFacts
from sgddiff_batch.io.storage.columns import ListedPart

_ROWS = re.compile(rb"<Contents>.*</Contents>", re.DOTALL)
_BETWEEN = re.compile(rb"</Contents>\s*<Contents>")
_TEXTS = tuple(re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Key", "LastModified", "ETag", "Size"))
_ENCODED = b"<EncodingType>url</EncodingType>"
_REPLIES = "before-parse.s3.*"
_TAKEN = "TakenRows"
_wanted: ContextVar[bool] = ContextVar("wanted", default=False)
"""Whether this task's pages are read here: other callers of the same client get theirs from botocore."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Objects of a page, in equal lists; an ETag is "" where none is told, a change in seconds since 1970."""

    keys: Sequence[str] = ()
    etags: Sequence[str] = ()
    sizes_bytes: Sequence[int] = ()
    changed_s: Sequence[float] = ()

    def part(self, bucket: str) -> ListedPart:
        """Return the rows as ``Backend.listed_parts`` yields them."""
        return ListedPart(
            [f"{bucket}/{key}" for key in self.keys],
            [
                f"{etag} {size} {changed_s:.3f}" if etag else None
                for etag, size, changed_s in zip(self.etags, self.sizes_bytes, self.changed_s, strict=True)
            ],
            self.sizes_bytes,
            self.changed_s,
        )

    def facts(self, bucket: str) -> Iterator[ObjectFacts]:
        """Yield the rows as ``Backend.find_each`` does: those of objects."""
        rows = zip(self.keys, self.etags, self.sizes_bytes, self.changed_s, strict=True)
        for key, etag, size, changed_s in rows:
            if not key.endswith("/"):  # some stores list a prefix that was emptied
                identity: Json = etag or [
                    size,
                    str(datetime.fromtimestamp(changed_s, UTC)) if changed_s else "",
                ]
                yield ObjectFacts(f"{bucket}/{key}", size, identity, changed_s or None)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing: its objects, and where they were asked for its folders, with ``/`` at the end."""

    rows: Rows
    folders: Sequence[str]


def pages(filesystem: AbstractFileSystem, bucket: str, prefix: str, delimiter: str = "") -> Iterator[Page]:
    """Yield the pages of the keys that begin with ``prefix``; what s3fs raises passes."""
    asked = {"Bucket": bucket, "Prefix": prefix}
    if delimiter:
        asked["Delimiter"] = delimiter
    while True:
        reply: dict[str, Any] = sync(filesystem.loop, _fetch, filesystem, asked)
        rows = reply[_TAKEN] if _TAKEN in reply else _rows_of_reply(reply.get("Contents", ()))
        yield Page(rows, [folder["Prefix"] for folder in reply.get("CommonPrefixes", ())])
        if not reply.get("IsTruncated"):
            return
        asked["ContinuationToken"] = reply["NextContinuationToken"]


async def _fetch(filesystem: Any, asked: Mapping[str, str]) -> Any:  # noqa: ANN401 - s3fs has no types
    _listen(await filesystem.set_session())
    _wanted.set(True)
    return await filesystem._call_s3("list_objects_v2", **asked)


def _listen(client: Any) -> None:  # noqa: ANN401 - botocore has no types
    """Have replies of a client pass :func:`_take_rows`, before botocore looks for an error in all of it."""
    if hasattr(handlers, "_handle_200_error"):
        client.meta.events.unregister(_REPLIES, handlers._handle_200_error)
        client.meta.events.register_first(_REPLIES, _take_rows, unique_id=_TAKEN)


def _take_rows(
    operation_model: Any,  # noqa: ANN401
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: object,
) -> None:
    if operation_model.name == "ListObjectsV2" and _wanted.get() and response_dict["status_code"] == 200:
        rows = rows_of_body(response_dict["body"])
        if rows is not None:
            customized_response_dict[_TAKEN] = rows
            response_dict["body"] = _ROWS.sub(b"", response_dict["body"])
    handlers._handle_200_error(operation_model=operation_model, response_dict=response_dict)


def rows_of_body(body: bytes) -> Rows | None:
    """Return the objects of a page, None if it has none, or does not look as S3 writes it."""
    found = _ROWS.search(body)
    if found is None or b"<!" in body:
        return None
    text = found[0].decode()
    keys, changed, etags, sizes = (pattern.findall(text) for pattern in _TEXTS)
    count = text.count("<Contents>")
    if {len(keys), len(changed), len(etags), len(sizes), len(_BETWEEN.findall(found[0])) + 1} != {count}:
        return None
    try:
        changed_s = [datetime.fromisoformat(time).timestamp() for time in changed]
    except ValueError:
        return None
    return Rows(
        [_key(key) for key in keys] if _ENCODED in body else [_text(key) for key in keys],
        [_text(etag.replace("&quot;", "")).strip('"') for etag in etags],
        [int(size) for size in sizes],
        changed_s,
    )


def _key(text: str) -> str:
    return unquote_plus(_text(text)) if "%" in text or "+" in text or "&" in text else text


def _text(text: str) -> str:
    return str(ElementTree.fromstring(f"<t>{text}</t>").text) if "&" in text else text


def _rows_of_reply(contents: Sequence[Mapping[str, Any]]) -> Rows:
    return Rows(
        [info["Key"] for info in contents],
        [str(info.get("ETag") or "").strip('"') for info in contents],
        [int(info.get("Size", 0)) for info in contents],
        [_seconds(info.get("LastModified")) for info in contents],
    )


def _seconds(changed: object) -> float:
    return changed.timestamp() if isinstance(changed, datetime) else 0.0
