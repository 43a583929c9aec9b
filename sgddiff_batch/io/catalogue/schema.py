"""The columns of the archive catalogue: one STAC item a mosaic, in stac-geoparquet.

Columns follow stac-geoparquet 1.0 (https://stac-utils.github.io/stac-geoparquet/latest/spec) over GeoParquet
1.1; the schema is fixed, so that every generation has the same columns and types, also an empty one.
"""

from __future__ import annotations

import pyarrow as pa

from sgddiff_batch.io import mosaics

TIME = pa.timestamp("us", tz="UTC")
TIMES = ("datetime", "start_datetime", "end_datetime")
TIME_KNOWN = "sgddiff:time_known"
ITEM = "sgddiff:item"
LINEAGE = "processing:lineage"

_TEXTS = pa.list_(pa.string())
LINK = pa.struct([(name, pa.string()) for name in ("href", "rel", "type", "title")])
_BAND = pa.struct(
    [
        ("name", pa.string()),
        ("data_type", pa.string()),
        ("nodata", pa.int64()),
        ("raster:scale", pa.float64()),
        ("raster:offset", pa.float64()),
    ]
)
_ASSET = pa.struct(
    [
        ("href", pa.string()),
        ("type", pa.string()),
        ("title", pa.string()),
        ("roles", _TEXTS),
        ("zarr:node_type", pa.string()),
        ("zarr:zarr_format", pa.int64()),
        ("zarr:consolidated", pa.bool_()),
        ("bands", pa.list_(_BAND)),
    ]
)
_RESCALE = ("rescale", pa.list_(pa.list_(pa.float64())))
_OF_CODES = pa.struct(
    [("title", pa.string()), ("assets", _TEXTS), ("bands", _TEXTS), _RESCALE, ("nodata", pa.int64())]
)
_OF_VALUES = pa.struct([("title", pa.string()), ("assets", _TEXTS), _RESCALE])
_BOX = pa.struct([(edge, pa.float64()) for edge in ("xmin", "ymin", "xmax", "ymax")])

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("stac_version", pa.string()),
        ("stac_extensions", _TEXTS),
        ("collection", pa.string()),
        ("geometry", pa.binary()),
        ("bbox", _BOX),
        ("links", pa.list_(LINK)),
        ("assets", pa.struct([(mosaics.ARRAY_NAME, _ASSET)])),
        *((name, TIME) for name in TIMES),
        ("created", TIME),
        ("proj:code", pa.string()),
        ("proj:wkt2", pa.string()),
        ("proj:shape", pa.list_(pa.int64())),
        ("proj:transform", pa.list_(pa.float64())),
        ("renders", pa.struct([("codes", _OF_CODES), ("probability", _OF_VALUES)])),
        (LINEAGE, pa.string()),
        (TIME_KNOWN, pa.bool_()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("scene_uri", pa.string()),
        ("scene_version", pa.string()),
        ("run_key", pa.string()),
        ("model_digest", pa.string()),
        ("height_px", pa.int64()),
        ("width_px", pa.int64()),
        ("valid_px", pa.int64()),
        ("salient_px", pa.int64()),
        ("salient_share", pa.float64()),
        ("salient_km2", pa.float64()),
        ("store", pa.string()),
        ("archive", pa.string()),
        (ITEM, pa.string()),
    ]
)
"""``id`` is the scene's; ``store`` the mosaic's path below the output, the asset's ``href`` the same as a
reference that counts from the output's root, as all of them do.

``created``: when the mosaic was completed, or became current again. An instant is ``datetime``, start and
end; of a span ``datetime`` is null. Where the time of the scene is not known (``sgddiff:time_known``), it is
``created``. ``salient_px`` counts saliency of 0.5 and more, ``valid_px`` pixels with data, ``salient_share``
is their quotient and ``salient_km2`` the salient pixels' part of the footprint's area. ``archive``: the
archive that listed the scene last. ``sgddiff:item``: the path of the static Item, null where there is none.
"""

_FOLLOWING = {"type", "stac_version", "stac_extensions", "collection", "links", "assets", "renders", LINEAGE}

LEAN = pa.schema([field for field in SCHEMA if field.name not in _FOLLOWING])
"""The columns that say all there is to say of a mosaic; the others follow from them."""


def schema_of(columns: tuple[str, ...] | list[str]) -> pa.Schema:
    """Return the schema of some columns, in their order."""
    return pa.schema([SCHEMA.field(name) for name in columns])
