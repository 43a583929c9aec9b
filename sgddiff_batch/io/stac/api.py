"""STAC APIs: item search with the filters that the server knows, page by page, with an end in every case."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sgddiff_batch.core.query import Source
from sgddiff_batch.core.selection import Filters
from sgddiff_batch.core.times import format_span
from sgddiff_batch.core.words import shown
from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.stac.http import BadDocumentError, Web, followed
from sgddiff_batch.io.stac.items import ItemSorter

log = logging.getLogger(__name__)

PAGE_ITEMS = 250
MAX_PAGES = 100_000
_BARREN_PAGES = 5
"""So many pages in a row without a new item are taken for a circle."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One page to ask for: a GET with ``fields``, or a POST of ``body``."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def is_api(landing_page: object) -> bool:
    """Whether a document is the landing page of a STAC API with item search."""
    if not isinstance(landing_page, Mapping):
        return False
    classes = landing_page.get("conformsTo")
    conforms = isinstance(classes, list) and any("item-search" in str(one) for one in classes)
    return conforms or _link(landing_page, "search") is not None


def search(
    url: str, landing_page: Mapping[str, Any], sorter: ItemSorter, filters: Filters, web: Web,
    *, page_items: int = PAGE_ITEMS, most_pages: int = MAX_PAGES,
) -> bool:  # fmt: skip
    """Hand the sorter all items that the API at ``url`` has for a source, within the filters.

    Returns whether there are as many as the server says that match, where it says so.

    Collections, time and area are asked of the server; what it does not keep to, and cloud cover, has to be
    sorted out by the caller. The search ends whole or not at all.

    Raises:
        ConfigError: if the server says no, or a link leads where the config does not allow it to.
        RetryableError: if the server fails, sends no items, or pages that never end.
    """
    asked: set[str] = set()
    items: set[str] = set()
    matched, barren = 0, 0
    request: _Request | None = _first_request(url, landing_page, sorter, filters, page_items)
    while request is not None:
        key = repr(request)
        if key in asked or barren >= _BARREN_PAGES or len(asked) >= most_pages:
            raise RetryableError(
                f"{shown(request.url)}: its pages do not end: {len(asked)} pages, {len(items)} items"
            )
        asked.add(key)
        address, page = _page(request, web)
        new = {_identity(feature) for feature in page["features"]} - items
        for feature in page["features"]:
            sorter.add(feature, address)
        items |= new
        barren = 0 if new else barren + 1
        matched = max(matched, _matched(page))
        request = _next_request(page, request, address, sorter)
    if len(items) < matched:
        log.warning("%s: said that %d items match, and sent %d", shown(url), matched, len(items))
    return len(items) >= matched


def _first_request(
    url: str, landing_page: Mapping[str, Any], sorter: ItemSorter, filters: Filters, page_items: int
) -> _Request:
    link = _link(landing_page, "search")
    href = link.get("href") if link else f"{url.partition('?')[0].rstrip('/')}/search"
    return _Request(followed(sorter.allowed, href, url), _fields(sorter.source, filters, page_items))


def _fields(source: Source, filters: Filters, page_items: int) -> dict[str, str]:
    fields = {"limit": str(page_items)}
    if source.collections:
        fields["collections"] = ",".join(source.collections)
    if filters.time is not None:
        fields["datetime"] = format_span(filters.time)
    if filters.box is not None:
        box = filters.box
        fields["bbox"] = f"{box.west},{box.south},{box.east},{box.north}"
    return fields


def _page(request: _Request, web: Web) -> tuple[str, Mapping[str, Any]]:
    address, page = web.json(request.url, fields=request.fields, body=request.body)
    features = page.get("features") if isinstance(page, Mapping) else None
    if not isinstance(page, Mapping) or not isinstance(features, list):
        raise BadDocumentError(f"{shown(address)}: it is no page of items: it has no list of features")
    return address, page


def _identity(feature: object) -> str:
    """Return what tells two items apart; whatever is no item is the same."""
    return repr((feature.get("collection"), feature.get("id"))) if isinstance(feature, Mapping) else ""


def _next_request(
    page: Mapping[str, Any], last: _Request, address: str, sorter: ItemSorter
) -> _Request | None:
    link = _link(page, "next")
    if link is None:
        return None
    url = followed(sorter.allowed, link.get("href"), address)
    if str(link.get("method", "GET")).upper() != "POST":
        return _Request(url)
    body = link.get("body")
    new = dict(body) if isinstance(body, Mapping) else {}
    return replace(last, url=url, fields={}, body={**(last.body or {}), **new} if link.get("merge") else new)


def _link(document: Mapping[str, Any], relation: str) -> Mapping[str, Any] | None:
    """Return the link of a relation, of several the one to be asked by GET."""
    links = document.get("links")
    found = [
        link
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, Mapping) and link.get("rel") == relation
    ]
    by_get = [link for link in found if str(link.get("method", "GET")).upper() == "GET"]
    return next(iter(by_get or found), None)


def _matched(page: Mapping[str, Any]) -> int:
    context = page.get("context")
    matched = page.get("numberMatched", context.get("matched") if isinstance(context, Mapping) else None)
    return matched if isinstance(matched, int) else 0
