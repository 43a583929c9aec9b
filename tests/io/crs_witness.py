"""GDAL's own transformations as a witness of footprints: a grid in the middle of where a CRS is used."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from pyproj import Geod, Transformer
from pyproj.database import CRSInfo, query_crs_info
from pyproj.enums import PJType
from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform, transform_bounds

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.geodesy.footprints import FootprintMaker

SIDE_PX = 50
WGS84 = CRS.from_epsg(4326)


@dataclass(frozen=True)
class Place:
    """A square grid in a CRS, and what GDAL says of it: of its bounds, and of points along its edges."""

    grid: Transform
    box: tuple[float, float, float, float]
    edges: tuple[list[float], list[float]]


def projected_codes() -> list[CRSInfo]:
    """Return all projected CRSs of EPSG that PROJ's database has."""
    return query_crs_info(auth_name="EPSG", pj_types=[PJType.PROJECTED_CRS])


def place_of(info: CRSInfo) -> Place | None:
    """Return a grid of about 5 km in the middle of a CRS's area of use; None where GDAL has no way there."""
    crs, use = CRS.from_epsg(int(info.code)), info.area_of_use
    east = use.east + 360 if use.east < use.west else use.east
    lon, lat = (use.west + east) / 2, (use.south + use.north) / 2
    lon = (lon + 180) % 360 - 180
    try:
        xs, ys = _projected(info, [lon, lon], [lat, lat + 0.001])
        px = float(np.hypot(xs[1] - xs[0], ys[1] - ys[0]))
        left, top = xs[0] - SIDE_PX * px / 2, ys[0] + SIDE_PX * px / 2
        right, bottom = left + SIDE_PX * px, top - SIDE_PX * px
        box = transform_bounds(crs, WGS84, left, bottom, right, top)
        way, back, one = np.linspace(0, 1, 20), np.linspace(1, 0, 20), np.ones(20)
        cols, rows = np.concatenate([0 * way, way, one, back]), np.concatenate([way, one, back, 0 * way])
        size = SIDE_PX * px
        edges = transform(crs, WGS84, (left + cols * size).tolist(), (top - rows * size).tolist())
    except (RasterioError, CPLE_BaseError):
        return None
    if not np.isfinite([px, *box, *edges[0], *edges[1]]).all():
        return None
    return Place(Transform(px, 0, left, 0, -px, top), box, edges)


def _projected(info: CRSInfo, lon: list[float], lat: list[float]) -> tuple[list[float], list[float]]:
    """Return points in a CRS, from degrees of its own datum: where exactly its middle lies does not matter.

    For GDAL to find a way there from WGS 84 takes ten times as long, half of the time of all of this. It
    has to where a CRS counts to the west or south, which PROJ turns round, or its datum counts otherwise.
    """
    crs = pyproj.CRS.from_epsg(int(info.code))
    own = crs.geodetic_crs
    turned = {"west", "south"} & {axis.direction for axis in crs.axis_info}
    if own is not None and _counts_as_wgs84(own) and not turned:
        with suppress(ProjError):  # of a few it makes no way for x before y
            xs, ys = Transformer.from_crs(own, crs, always_xy=True).transform(lon, lat)
            return list(xs), list(ys)
    xs, ys = transform(WGS84, CRS.from_epsg(int(info.code)), lon, lat)
    return list(xs), list(ys)


def _counts_as_wgs84(own: pyproj.CRS) -> bool:
    from_greenwich = own.prime_meridian is not None and own.prime_meridian.longitude == 0
    return from_greenwich and {axis.unit_name for axis in own.axis_info} == {"degree"}


def fault_of(info: CRSInfo, footprints: FootprintMaker) -> str | None:
    """Return what is wrong with the footprint in the middle of a CRS, None where it is as GDAL says."""
    place = place_of(info)
    found = None if place is None else footprints.footprint(SIDE_PX, SIDE_PX, place.grid, f"EPSG:{info.code}")
    if place is None:
        return None
    if found is None:
        return f"{info.code}: no footprint, GDAL's box is {place.box}"
    start, lat = place.edges[0][0], place.edges[1]
    lon = start + (np.subtract(place.edges[0], start) + 180) % 360 - 180
    along = (lon.min(), min(lat), lon.max(), max(lat))
    size = along[3] - along[1]
    # Which of several ways between two datums GDAL takes for bounds is not always the one for points.
    for box, share in ((along, 2e-3), (place.box, 1e-2)):
        turned = (np.subtract(found.box, box) + 180) % 360 - 180
        if np.abs(turned).max() > share * size:
            return f"{info.code}: the box is {found.box}, GDAL's {box}"
    area_km2 = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0]) / 1e6
    if abs(found.area_km2 / area_km2 - 1) > 0.01:
        return f"{info.code}: the area is {found.area_km2}, that of GDAL's edges {area_km2}"
    shape = shapely.from_wkb(found.wkb)
    middle = shapely.Point((lon.mean() + 180) % 360 - 180, (along[1] + along[3]) / 2)
    if shape.geom_type == "Polygon" and not (shape.exterior.is_ccw and shape.covers(middle)):
        return f"{info.code}: the outline {shape} is not about {middle}"
    return None
