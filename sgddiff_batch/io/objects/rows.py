"""Rows: what a file says of the objects of one mosaic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from sgddiff_batch.core.blending import MAX_CODE
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.object_ids import region_id
from sgddiff_batch.core.regions import Regions
from sgddiff_batch.io.geodesy import Floats, Ground, Shapes
from sgddiff_batch.io.objects.geoparquet import SCHEMA
from sgddiff_batch.io.objects.measures import Measures, measured
from sgddiff_batch.io.objects.polygons import placed, polygons_of, simplified


@dataclass(frozen=True, slots=True)
class Shows:
    """The mosaic that objects are of: its scene, and what made it.

    ``crs`` is as rows name it, a code or WKT; None of pixel coordinates.
    """

    scene_id: str
    store: str
    run_id: str
    model_digest: str | None
    crs: str | None


def table_of(
    regions: Regions, grid: Grid, shows: Shows, ground: Ground | None, tolerance_px: float
) -> pa.Table:
    """Return regions of a mosaic as rows of SCHEMA, in their order."""
    pixels = polygons_of(regions)
    exact, outlines = (placed(one, grid.transform) for one in (pixels, simplified(pixels, tolerance_px)))
    measures = measured(regions, grid.transform, exact, outlines, ground)
    columns = _of_mosaic(shows, len(regions)) | _of_regions(regions, grid, shows) | _of_ground(measures)
    columns["geometry_native"] = _wkb(outlines)
    columns |= {
        name: pa.nulls(len(regions), SCHEMA.field(name).type) for name in ("time", "state", "parents")
    }
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def _of_mosaic(shows: Shows, count: int) -> dict[str, Any]:
    values = {
        "scene": shows.scene_id,
        "store": shows.store,
        "run": shows.run_id,
        "model_digest": shows.model_digest,
        "crs": shows.crs,
    }
    return {name: pa.repeat(pa.scalar(v, SCHEMA.field(name).type), count) for name, v in values.items()}


def _of_regions(regions: Regions, grid: Grid, shows: Shows) -> dict[str, Any]:
    sums = regions.sums
    at_edge = (sums["row_start"] == 0) | (sums["col_start"] == 0)
    at_edge |= (sums["row_stop"] == grid.height_px) | (sums["col_stop"] == grid.width_px)
    return {
        "id": pa.array(list(_ids(regions, shows.store)), pa.string()),
        "pixels": sums["pixels"],
        "saliency_mean": sums["code_sum"] / sums["pixels"] / MAX_CODE,
        "saliency_max": sums["code_max"] / MAX_CODE,
        "row": sums["first_row"],
        "col": sums["first_col"],
        "at_edge": at_edge,
    }


def _ids(regions: Regions, store: str) -> Iterator[str]:
    rows, cols = regions.sums["first_row"].tolist(), regions.sums["first_col"].tolist()
    return (region_id(store, row, col) for row, col in zip(rows, cols, strict=True))


def _of_ground(measures: Measures) -> dict[str, Any]:
    names = ("lon", "lat", "x", "y", "area_m2", "length_m", "width_m", "angle_deg")
    columns = {name: _numbers(getattr(measures, name)) for name in names}
    return columns | {"bbox": _boxes(measures.on_globe), "geometry": _wkb(measures.on_globe)}


def _numbers(values: Floats) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _boxes(shapes: Shapes) -> pa.Array:
    """Return the covering boxes, from -180 to 180 of what is cut there; null of no shape."""
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    fields = list(SCHEMA.field("bbox").type)
    missing: NDArray[np.bool_] = np.isnan(bounds[:, 0])
    values = [pa.array(bounds[:, nth], pa.float64(), mask=missing) for nth in range(4)]
    return pa.StructArray.from_arrays(values, fields=fields, mask=pa.array(missing, pa.bool_()))


def _wkb(shapes: Shapes) -> pa.Array:
    return pa.array(list(shapely.to_wkb(shapes, byte_order=1)), pa.binary())
