"""Static STAC below an output: Items of new mosaics, and the pages that list the Items of a generation.

_stac/items/<store>.<digest>.json   an Item; never changes
_stac/pages/<digest>.json           a catalogue of some Items; never changes, and may be of many generations

All of it is there before a generation that names it is current.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.hrefs import href_from, href_of
from sgddiff_batch.core.words import counted
from sgddiff_batch.io.catalogue.items import STATIC, encoded, item_of
from sgddiff_batch.io.catalogue.schema import ITEM, SCHEMA
from sgddiff_batch.io.catalogue.stac_fields import COLLECTION, GEOJSON, JSON, STAC_VERSION, collection_id
from sgddiff_batch.io.storage import Store

PAGES = f"{STATIC}/pages"

_REQUESTS = 64
_CONVERTED = 1024
_ON_A_PAGE = 500
"""So many Items a page has on average."""


def with_items(store: Store, table: pa.Table, *, wanted: bool) -> pa.Table:
    """Return rows with the paths of their Items, having written those of rows that had none; without any,
    if none are wanted.

    Raises:
        ConfigError, RetryableError: as the store does.
    """
    place, kind = table.schema.get_field_index(ITEM), SCHEMA.field(ITEM).type
    if not wanted:
        return table.set_column(place, ITEM, pa.nulls(table.num_rows, kind))
    lacks = pc.is_null(table[ITEM])
    fresh = table.filter(lacks)
    if not fresh.num_rows:
        return table
    paths = pa.array(_write_items(store, fresh), kind)
    held = table[ITEM].combine_chunks()
    return table.set_column(place, ITEM, pc.replace_with_mask(held, lacks.combine_chunks(), paths))


def _write_items(store: Store, table: pa.Table) -> Iterator[str]:
    """Write the Items of rows that do not exist yet, and yield their paths."""
    with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="stac") as pool:
        for start in range(0, table.num_rows, _CONVERTED):
            items = [item_of(row, store.uri) for row in table.slice(start, _CONVERTED).to_pylist()]
            yield from _created(store, pool, items)


def _created(store: Store, pool: ThreadPoolExecutor, items: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    def create(item: tuple[str, bytes]) -> str:
        # What is there says the same, by its name: of a run that was killed before its flip.
        store.create(*item)
        return item[0]

    yield from pool.map(create, items)


def write_pages(store: Store, table: pa.Table) -> list[str]:
    """Write the pages that list the Items of rows, those that do not exist yet; return the paths of all.

    A page ends after an id that tells so by itself, so that one more scene changes one page.
    """
    if not table.num_rows or table[ITEM].null_count:
        return []
    there = set(store.keys(PAGES))
    pages = dict(_pages(table, collection_id(store.uri)))
    with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="stac") as pool:
        [*_created(store, pool, ((path, data) for path, data in pages.items() if path not in there))]
    return [*pages]


def _pages(table: pa.Table, collection: str) -> Iterator[tuple[str, bytes]]:
    ids: list[str] = []
    items: list[str] = []
    for part in table.select(["id", ITEM]).to_batches(max_chunksize=_CONVERTED):
        for scene_id, item in zip(part["id"].to_pylist(), part[ITEM].to_pylist(), strict=True):
            ids.append(scene_id)
            items.append(item)
            if zlib.crc32(scene_id.encode()) % _ON_A_PAGE == 0:
                yield _page(ids, items, collection)
                ids, items = [], []
    if ids:
        yield _page(ids, items, collection)


def _page(ids: list[str], items: list[str], collection: str) -> tuple[str, bytes]:
    here = f"{PAGES}/page"
    whole = {"href": href_from(here, href_of(COLLECTION)), "type": JSON}
    listed: list[Mapping[str, Any]] = [
        {"rel": "item", "href": href_from(here, href_of(item)), "type": GEOJSON, "title": scene_id}
        for scene_id, item in zip(ids, items, strict=True)
    ]
    data = encoded(
        {
            "type": "Catalog",
            "stac_version": STAC_VERSION,
            "id": f"{collection}: {ids[0]}",
            "title": f"from {ids[0]} to {ids[-1]}",
            "description": f"{counted(len(ids), 'mosaic')}, from {ids[0]} to {ids[-1]}",
            "links": [whole | {"rel": "root"}, whole | {"rel": "parent"}, *listed],
        }
    )
    return f"{PAGES}/{bytes_digest(data)[:24]}.json", data
