"""What makes a row of the catalogue a STAC Item: extensions, links, asset, renders, by what the row knows.

Versions of the extensions, and the media type, are those with which catalogues were seen to be valid and to
be drawn: see sgddiff_batch/DESIGN.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.hrefs import href_of, scene_href
from sgddiff_batch.io import mosaics
from sgddiff_batch.io.catalogue.schema import LINEAGE

STAC_VERSION = "1.1.0"
COLLECTION = "collection.json"
JSON, GEOJSON = "application/json", "application/geo+json"
ZARR = "application/vnd.zarr; version=3; profile=multiscales"
"""Just so: viewers find the pyramid by it."""
SALIENCY = mosaics.ARRAY_NAME

_GEOTIFF = "image/tiff; application=geotiff"
_VERSIONS = {
    "projection": "2.0.0",
    "raster": "2.0.0",
    "zarr": "1.1.0",
    "render": "2.0.0",
    "processing": "1.2.0",
    "file": "2.1.0",
}
_OF_ITEMS = ("projection", "raster", "zarr", "render", "processing")
_AREAS = "/_areas/"


def extension(name: str) -> str:
    """Return the URI of an extension's schema."""
    return f"https://stac-extensions.github.io/{name}/v{_VERSIONS[name]}/schema.json"


def collection_id(uri: str) -> str:
    """Return the id of an output's Collection; that of an area's names the area."""
    _, separator, area = uri.rstrip("/").rpartition(_AREAS)
    return f"{SALIENCY}-{area}" if separator and "/" not in area else SALIENCY


def renders() -> dict[str, Any]:
    """Return how the asset is drawn: by viewers that read codes, and by those that read what they stand for.

    No colours by name: there are viewers that leave the whole render out for one.
    """
    codes = {"bands": [SALIENCY], "rescale": [[0.0, float(MAX_CODE)]], "nodata": NO_DATA}
    return {
        "codes": {"title": f"saliency, codes 0 to {MAX_CODE}", "assets": [SALIENCY], **codes},
        "probability": {"title": "saliency, 0 to 1", "assets": [SALIENCY], "rescale": [[0.0, 1.0]]},
    }


def asset() -> dict[str, Any]:
    """Return what all mosaics' assets say, without where each lies."""
    band = {"name": SALIENCY, "data_type": "uint8", "nodata": NO_DATA}
    return {
        "type": ZARR,
        "title": "saliency mosaic",
        "roles": ["data"],
        "zarr:node_type": "group",
        "zarr:zarr_format": 3,
        "zarr:consolidated": True,
        "bands": [{**band, "raster:scale": 1 / MAX_CODE, "raster:offset": 0.0}],
    }


def same_fields(uri: str) -> dict[str, Any]:
    """Return the columns that all rows of an output have in common; assets lack their href.

    uri: that of the output.
    """
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [extension(name) for name in _OF_ITEMS],
        "collection": collection_id(uri),
        "assets": {SALIENCY: asset()},
        "renders": renders(),
    }


def same_links() -> tuple[dict[str, str], ...]:
    """Return the links of a row: to its Collection, its store and its scene; the last two lack their href.

    Every link has all its other keys: a null in one would not be valid.
    """
    return (
        {"href": href_of(COLLECTION), "rel": "collection", "type": JSON, "title": "all mosaics"},
        {"rel": "store", "type": ZARR, "title": "the Zarr store"},
        {"rel": "derived_from", "type": _GEOTIFF, "title": "the scene"},
    )


def stac_fields(row: Mapping[str, Any], uri: str) -> dict[str, Any]:
    """Return the columns of a row that follow from its others and from the URI of its output."""
    href, scene = href_of(row["store"]), row["scene_uri"]
    whole, store, source = same_links()
    links = [whole, store | {"href": href}]
    if scene:
        links.append(source | {"href": scene_href(scene, uri)})
    told = (row[name] for name in ("id", "scene_version", "run_key", "model_digest"))
    return {
        **same_fields(uri),
        "links": links,
        "assets": {SALIENCY: asset() | {"href": href}},
        LINEAGE: lineage(*told),
    }


def lineage(scene_id: str, version: str, run_key: str, model_digest: str | None) -> str:
    """Return in words what a mosaic is made of."""
    model = f" by the model {model_digest}" if model_digest else ""
    return f"saliency{model}, of version {version} of {scene_id}; run key {run_key}"
