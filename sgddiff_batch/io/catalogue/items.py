"""Static Items: what a row says, as a document of its own that never changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import shapely

from sgddiff_batch.core.fingerprint import bytes_digest
from sgddiff_batch.core.hrefs import href_from, href_of
from sgddiff_batch.core.store_names import SUFFIX
from sgddiff_batch.io.catalogue.schema import ITEM
from sgddiff_batch.io.catalogue.stac_fields import COLLECTION, JSON, stac_fields

STATIC = "_stac"
ITEMS = f"{STATIC}/items"

_TOP = ("type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "links", "assets", "collection")
_NOT_SAID = {*_TOP, "archive", ITEM}
"""``archive`` is the run's own book-keeping, and may change while the mosaic does not."""
_DIGITS = 12


def item_of(row: Mapping[str, Any], uri: str) -> tuple[str, bytes]:
    """Return the path of a lean row's Item below the output, and its bytes; ``uri`` is the output's.

    It is named by its store, and by a digest of what it says: a time that becomes known, or a reason for
    quarantine, makes another Item beside it.
    """
    base = f"{ITEMS}/{row['store'].removesuffix(SUFFIX)}"
    data = encoded(_document({**row, **stac_fields(row, uri)}, base))
    return f"{base}.{bytes_digest(data)[:_DIGITS]}.json", data


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON, always the same bytes."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def stamp(time: datetime) -> str:
    """Return a time in UTC as STAC has it."""
    return f"{time.replace(tzinfo=None).isoformat()}Z"


def _document(row: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the Item of a row; what is null there is not said, but for ``datetime`` and a missing place."""
    said = {name: _plain(value) for name, value in row.items() if name not in _NOT_SAID and value is not None}
    wkb, box = row["geometry"], row["bbox"]
    place = {} if wkb is None else {"bbox": [box[edge] for edge in ("xmin", "ymin", "xmax", "ymax")]}
    return {
        **{name: row[name] for name in ("type", "stac_version", "stac_extensions", "id", "collection")},
        "geometry": None if wkb is None else json.loads(shapely.to_geojson(shapely.from_wkb(wkb))),
        **place,
        "properties": {"datetime": None} | said,
        "links": _links(row, path),
        "assets": {
            name: asset | {"href": href_from(path, asset["href"])} for name, asset in row["assets"].items()
        },
    }


def _links(row: Mapping[str, Any], path: str) -> list[dict[str, str]]:
    whole = {"href": href_of(COLLECTION), "type": JSON, "title": "all mosaics"}
    links = [*(whole | {"rel": rel} for rel in ("root", "parent")), *row["links"]]
    return [link | {"href": href_from(path, link["href"])} for link in links]


def _plain(value: object) -> object:
    return stamp(value) if isinstance(value, datetime) else value
