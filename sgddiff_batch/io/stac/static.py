"""Static STAC: catalogues, collections, items and item collections as JSON files that link to each other.

The links are followed here and not by pystac: one bad or hostile document must not end the walk, links may
lead to allowed places only, and circles must end. What pystac writes is what the tests read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sgddiff_batch.core.source_kinds import is_web
from sgddiff_batch.core.words import shown
from sgddiff_batch.errors import ConfigError, SceneError
from sgddiff_batch.io import storage
from sgddiff_batch.io.stac.http import MAX_DOCUMENT_BYTES, BadDocumentError, Web, parse_document
from sgddiff_batch.io.stac.items import ItemSorter

MAX_DOCUMENTS = 5_000_000
_READ_AT_ONCE = 16
_READ_AHEAD = 256


@dataclass(frozen=True, slots=True)
class _Link:
    """A document to read, and the collection that its link was found in.

    ``written`` is where else it may be, see :meth:`AllowedLinks.as_written`.
    """

    place: str
    collection: str | None = None
    written: str | None = None


def read_document(place: str, web: Web) -> tuple[str, object]:
    """Return where a document was found in the end, and the document.

    place: a local path, s3:// or http(s)://.

    Raises:
        FileNotFoundError: if there is none.
        BadDocumentError: if it is no JSON, or larger than 64 MiB.
        ConfigError: if it may not be read.
        RetryableError: if the storage failed.
    """
    if is_web(place):
        return web.json(place)
    folder, name = posixpath.split(place)
    store = storage.open_store(folder or "/", web.allowed.access)
    content = store.read_part(name, 0, MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise BadDocumentError(f"{shown(place)}: it has more than {MAX_DOCUMENT_BYTES} bytes")
    return place, parse_document(content, shown(place))


def walk(place: str, root: object, sorter: ItemSorter, web: Web, most: int = MAX_DOCUMENTS) -> None:
    """Hand the sorter every item of a catalogue with all below it.

    ``root`` is the document at ``place``, already read. A document is read once, whatever links to it. One
    that is not there, is no JSON or may not be read is told of as missing, and the walk goes on.

    Raises:
        ConfigError: if ``root`` is no STAC document, or there are more than ``most``.
        RetryableError: if the storage failed.
    """
    if not isinstance(root, Mapping) or _kind(root) is None:
        raise ConfigError(f"archive: {shown(place)} is no STAC catalog, collection or item")
    seen = {place}
    ahead = list(_links(root, _Link(place), sorter, seen))
    with ThreadPoolExecutor(_READ_AT_ONCE, thread_name_prefix="stac") as pool:
        while ahead:
            batch = [ahead.pop() for _ in range(min(_READ_AHEAD, len(ahead)))]
            for link, answer in zip(batch, pool.map(lambda link: _read(link, web), batch), strict=True):
                if isinstance(answer, str):
                    sorter.fail(shown(link.place), answer)
                else:
                    ahead += _links(answer[1], _Link(answer[0], link.collection), sorter, seen)
            if len(seen) > most:
                raise ConfigError(f"archive: {shown(place)} links to more than {most} documents")


def _read(link: _Link, web: Web) -> tuple[str, object] | str:
    """Return where a document was found and the document, or why it was not."""
    try:
        return read_document(link.place, web)
    except FileNotFoundError:
        if link.written is not None:
            return _read(_Link(link.written), web)
        return "its catalogue links to it, and it is not there"
    except (BadDocumentError, ConfigError) as error:
        return str(error)


def _links(document: object, found: _Link, sorter: ItemSorter, seen: set[str]) -> Iterator[_Link]:
    """Hand over the items of a document, and yield what it links to and nobody has linked to before."""
    kind = _kind(document) if isinstance(document, Mapping) else None
    if kind is None or not isinstance(document, Mapping):
        sorter.fail(shown(found.place), "it is no STAC catalog, collection or item")
        return
    if kind == "Feature":
        sorter.add(document, found.place, found.collection)
        return
    if kind == "FeatureCollection":
        for item in document["features"]:
            sorter.add(item, found.place, found.collection)
        return
    collection = str(document.get("id")) if kind == "Collection" else found.collection
    wanted = sorter.source.collections
    relations = ("child",) if wanted and collection not in wanted else ("child", "item")
    for href in _hrefs(document, relations):
        place = _followed(href, found.place, sorter)
        if place is not None and place not in seen:
            seen.add(place)
            yield _Link(place, collection, sorter.allowed.as_written(href, found.place))


def _followed(href: object, base: str, sorter: ItemSorter) -> str | None:
    try:
        return sorter.allowed.follow(href, base)
    except SceneError as error:
        sorter.fail(f"{shown(base)} -> {shown(str(href))}", str(error))
        return None


def _hrefs(document: Mapping[str, Any], relations: tuple[str, ...]) -> Iterator[object]:
    links = document.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("rel") in relations:
            yield link.get("href")


def _kind(document: Mapping[str, Any]) -> str | None:
    """Return the type of a document; those before STAC 1.0 are told by their fields."""
    kind = document.get("type")
    if kind == "FeatureCollection":
        return kind if isinstance(document.get("features"), list) else None
    if kind in ("Feature", "Catalog", "Collection"):
        return str(kind)
    if "stac_version" in document and isinstance(document.get("links"), list):
        return "Collection" if "extent" in document else "Catalog"
    return None
