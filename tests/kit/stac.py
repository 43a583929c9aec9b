"""STAC items and catalogues for tests, as plain JSON and as stac-geoparquet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

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


def write_geoparquet(path: Path, hrefs: list[str], **columns: object) -> None:
    """Write items as stac-geoparquet 1.0 has them: assets that a row lacks are nulls in its struct."""
    count = len(hrefs)
    table: dict[str, object] = {
        "type": ["Feature"] * count,
        "id": [f"i{n}" for n in range(count)],
        "collection": ["c"] * count,
        "geometry": [shapely.to_wkb(shapely.box(10 + n, 50, 11 + n, 51)) for n in range(count)],
        "datetime": pa.array(
            [datetime(2026, 1, 1 + n, tzinfo=UTC) for n in range(count)], pa.timestamp("ns", "UTC")
        ),
        "eo:cloud_cover": [10.0 * n for n in range(count)],
        "assets": [
            {
                "visual": {"href": href, "type": "image/tiff", "roles": ["visual"]},
                "B01": {"href": "b.tif", "type": "image/tiff", "roles": ["data"]} if n else None,
            }
            for n, href in enumerate(hrefs)
        ],
    } | columns
    pq.write_table(pa.table(table), path)
