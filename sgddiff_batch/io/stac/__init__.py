"""STAC: what somebody's catalogue names: documents, APIs and stac-geoparquet, and where their links may lead.

Inside, hrefs are decoded once and judged, and pages are fetched with their limits. What an item names is
handed on as places; whether anything is there is not asked here.
"""

from __future__ import annotations

from sgddiff_batch.io.stac.allowed_links import AllowedLinks, allowed_links_of
from sgddiff_batch.io.stac.api import is_api, search
from sgddiff_batch.io.stac.headers import read_headers
from sgddiff_batch.io.stac.http import BadDocumentError, Web
from sgddiff_batch.io.stac.items import ItemSorter
from sgddiff_batch.io.stac.parquet import is_parquet, is_stac_geoparquet, read_items
from sgddiff_batch.io.stac.static import read_document, walk

__all__ = [
    "AllowedLinks",
    "BadDocumentError",
    "ItemSorter",
    "Web",
    "allowed_links_of",
    "is_api",
    "is_parquet",
    "is_stac_geoparquet",
    "read_document",
    "read_headers",
    "read_items",
    "search",
    "walk",
]
