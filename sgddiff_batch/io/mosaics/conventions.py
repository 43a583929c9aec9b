"""The attributes of a mosaic: CF for today's readers, and the Zarr conventions multiscales, proj and spatial.

The conventions are at v0.1; a later version is a change of ``_VERSION`` (or of one line of the table).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pyproj import CRS
from pyproj.exceptions import CRSError

from sgddiff_batch.core.blending import MAX_CODE, NO_DATA
from sgddiff_batch.core.grid import IDENTITY, Grid

Attributes = dict[str, object]

ARRAY_NAME = "saliency"
GRID_MAPPING = "spatial_ref"
DIMENSIONS = ("y", "x")
COMPLETE = "complete"
PROVENANCE = "provenance"
COORDINATE_SYSTEM = "coordinate_system"
"""Root attribute that only a mosaic without a CRS has: what its coordinates mean, in words."""
RESAMPLING = "average"

_VERSION = "v0.1"


def _convention(name: str, uuid: str, description: str) -> Mapping[str, str]:
    repository = f"zarr-conventions/{name}"
    return {
        "schema_url": f"https://raw.githubusercontent.com/{repository}/refs/tags/{_VERSION}/schema.json",
        "spec_url": f"https://github.com/{repository}/blob/{_VERSION}/README.md",
        "uuid": uuid,
        "name": name,
        "description": description,
    }


MULTISCALES = _convention(
    "multiscales", "d35379db-88df-4056-af3a-620245f8e347", "Multiscale layout of zarr datasets"
)
PROJ = _convention(
    "proj",
    "f17cb550-5864-4468-aeb7-f3180cfb622f",
    "Coordinate reference system information for geospatial data",
)
SPATIAL = _convention("spatial", "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4", "Spatial coordinate information")


def root_attributes(grid: Grid, levels: int, provenance: Mapping[str, object]) -> Attributes:
    """Return the attributes of a mosaic's root group, marked as not complete."""
    proj = _proj(grid.crs_wkt)
    conventions = [MULTISCALES, *([PROJ] if proj else []), SPATIAL]
    return {
        "zarr_conventions": [dict(entry) for entry in conventions],
        "multiscales": {
            "resampling_method": RESAMPLING,
            "layout": [_layout_entry(grid.level(level), level) for level in range(levels)],
        },
        **proj,
        "spatial:dimensions": list(DIMENSIONS),
        "spatial:bbox": [float(edge) for edge in grid.bbox],
        **_coordinate_system(grid),
        COMPLETE: False,
        PROVENANCE: dict(provenance),
    }


def saliency_attributes(grid: Grid) -> Attributes:
    """Return the attributes of the packed saliency of the level whose grid this is."""
    proj = _proj(grid.crs_wkt)
    conventions = [*([PROJ] if proj else []), SPATIAL]
    return {
        "long_name": "saliency: probability that the pixel stands out",
        "units": "1",
        "scale_factor": 1.0 / MAX_CODE,
        "add_offset": 0.0,
        "_FillValue": NO_DATA,
        "grid_mapping": GRID_MAPPING,
        "zarr_conventions": [dict(entry) for entry in conventions],
        **proj,
        "spatial:dimensions": list(DIMENSIONS),
        "spatial:shape": [grid.height_px, grid.width_px],
        "spatial:transform": list(map(float, grid.transform.coefficients)),
    }


def grid_mapping_attributes(grid: Grid) -> Attributes:
    """Return the attributes of ``spatial_ref``; without a CRS it holds the transform alone."""
    transform: Attributes = {"GeoTransform": grid.transform.geotransform}
    if grid.crs_wkt is None:
        return transform
    return {"crs_wkt": grid.crs_wkt, GRID_MAPPING: grid.crs_wkt, **transform}


def axis_attributes(grid: Grid, name: str) -> Attributes:
    """Return the attributes of the pixel centres along "x" or "y".

    Pixel coordinates get the unit "pixel" and no standard name: CF has none that would be true.
    """
    axis = name.upper()
    if grid.crs_wkt is None:
        unit = "pixel" if grid.transform == IDENTITY else "1"
        return {"axis": axis, "long_name": f"{name} of the pixel centre, no CRS", "units": unit}
    known = _axis(grid.crs_wkt, axis)
    return {"axis": axis, "long_name": f"{name} of the pixel centre", "units": "1", **known}


def _layout_entry(grid: Grid, level: int) -> Attributes:
    factor = 2.0 if level else 1.0
    entry: Attributes = {
        "asset": str(level),
        "transform": {"scale": [factor, factor], "translation": [0.0, 0.0]},
        "spatial:shape": [grid.height_px, grid.width_px],
        "spatial:transform": list(map(float, grid.transform.coefficients)),
    }
    if level:
        entry |= {"derived_from": str(level - 1), "resampling_method": RESAMPLING}
    return entry


# An archive's scenes have few CRSs, and PROJ takes longer to look one up than all the rest takes.
@lru_cache(maxsize=256)
def _proj(crs_wkt: str | None) -> Mapping[str, str]:
    """Return ``proj:code`` where an authority has exactly this CRS, else ``proj:wkt2``, else nothing."""
    if crs_wkt is None:
        return {}
    parsed = _parse(crs_wkt)
    if parsed is None:
        return {"proj:wkt2": crs_wkt}
    # A lower confidence would name a code for a CRS that only resembles it.
    authority = parsed.to_authority(min_confidence=100)
    if authority is None:
        return {"proj:wkt2": parsed.to_wkt()}
    return {"proj:code": ":".join(authority)}


@lru_cache(maxsize=256)
def _axis(crs_wkt: str, axis: str) -> Mapping[str, str]:
    """Return what CF calls the axis "X" or "Y" of a CRS; nothing where it has none."""
    parsed = _parse(crs_wkt)
    return {} if parsed is None else next((a for a in parsed.cs_to_cf() if a.get("axis") == axis), {})


def _coordinate_system(grid: Grid) -> Attributes:
    if grid.crs_wkt is not None:
        return {}
    if grid.transform == IDENTITY:
        return {COORDINATE_SYSTEM: "pixel coordinates: the scene has no coordinate reference system"}
    return {COORDINATE_SYSTEM: "unknown: the scene has a transform, but no coordinate reference system"}


def _parse(crs_wkt: str) -> CRS | None:
    """Return the CRS, or None where PROJ cannot read what GDAL could."""
    try:
        return CRS.from_wkt(crs_wkt)
    except CRSError:
        return None


def is_complete(attributes: Mapping[str, object]) -> bool:
    """Whether a root group's attributes say that its mosaic is complete."""
    return attributes.get(COMPLETE) is True
