"""The Collection of an output: what all its current mosaics are together, and where their rows are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sgddiff_batch.core.extents import covering_box
from sgddiff_batch.core.hrefs import href_of
from sgddiff_batch.core.words import counted
from sgddiff_batch.io.catalogue.items import stamp
from sgddiff_batch.io.catalogue.schema import TIME_KNOWN
from sgddiff_batch.io.catalogue.stac_fields import (
    COLLECTION,
    JSON,
    SALIENCY,
    STAC_VERSION,
    asset,
    collection_id,
    extension,
    renders,
)

LINK = "catalogue.parquet"
NEEDED = ("bbox", "start_datetime", "end_datetime", TIME_KNOWN)
"""The columns that a Collection is made of."""

_PARQUET = "application/vnd.apache.parquet"
_SHA256 = "1220"
"""What the hex SHA-256 of 32 bytes begins with as a multihash."""


def collection_of(table: pa.Table, uri: str, pages: Sequence[str] = ()) -> dict[str, Any]:
    """Return the Collection of rows.

    table: with the columns :data:`NEEDED`. uri: that of the output. pages: the paths of the catalogues that
    list their Items.
    """
    mosaics = counted(table.num_rows, "mosaic")
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [extension("render")],
        "id": collection_id(uri),
        "title": "Saliency mosaics",
        "description": f"{mosaics} of saliency, one a scene. Hrefs of the rows of {LINK} count from the "
        "folder of this Collection.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [list(covering_box(_boxes(table)))]},
            "temporal": {"interval": [_interval(table)]},
        },
        "links": [
            {"rel": "root", "href": href_of(COLLECTION), "type": JSON},
            *({"rel": "child", "href": href_of(page), "type": JSON} for page in pages),
        ],
        "assets": {
            "catalogue": {
                "href": href_of(LINK),
                "type": _PARQUET,
                "title": "all Items as stac-geoparquet",
                "roles": ["collection-mirror"],
            }
        },
        "item_assets": {SALIENCY: asset()},
        "renders": renders(),
    }


def with_file(collection: Mapping[str, Any], size_bytes: int, digest: str) -> dict[str, Any]:
    """Return a Collection that says which bytes its Parquet has, by their number and hex SHA-256."""
    table = {"file:size": size_bytes, "file:checksum": f"{_SHA256}{digest}"}
    return {
        **collection,
        "stac_extensions": [*collection["stac_extensions"], extension("file")],
        "assets": {"catalogue": collection["assets"]["catalogue"] | table},
    }


def _boxes(table: pa.Table) -> np.ndarray[Any, np.dtype[np.float64]]:
    boxes = pa.chunked_array(table["bbox"]).drop_null()
    edges = ("xmin", "ymin", "xmax", "ymax")
    return np.stack([pc.struct_field(boxes, edge).to_numpy() for edge in edges], axis=1)


def _interval(table: pa.Table) -> list[str | None]:
    """Return the first and the last time that is known of any scene; open ends where there is none."""
    known = table.filter(table[TIME_KNOWN])
    first, last = pc.min(known["start_datetime"]).as_py(), pc.max(known["end_datetime"]).as_py()
    return [first and stamp(first), last and stamp(last)]
