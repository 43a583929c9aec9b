"""STAC items and catalogues for tests, as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]


def make_item(
    item_id: str, href: str, *, collection: str = "c", asset: str = "visual", **more: Any
) -> JsonObject:
    """Return an item with one GeoTIFF; ``more`` are properties, or bbox and assets in place of their own."""
    box = more.pop("bbox", [10.0, 50.0, 11.0, 51.0])
    assets = more.pop("assets", {asset: {"href": href, "type": "image/tiff; application=geotiff"}})
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "collection": collection,
        "geometry": None,
        "bbox": box,
        "properties": {"datetime": "2026-01-01T10:00:00Z", **more},
        "assets": assets,
        "links": [],
    }


def make_catalog(name: str, links: Mapping[str, str], **more: Any) -> JsonObject:
    """Return a catalogue; ``links`` are relations by href."""
    return {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": name,
        "description": name,
        "links": [{"rel": relation, "href": href} for href, relation in links.items()],
        **more,
    }


def write_documents(folder: Path, documents: Mapping[str, object]) -> None:
    """Write JSON documents by their paths below a folder; bytes as they are."""
    for name, document in documents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
