"""Footprints: the outlines of mosaics on the globe, for catalogues."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import antimeridian
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from sgddiff_batch.core.grid import Transform

Box = tuple[float, float, float, float]

_STEPS = 16
"""Parts of an edge: a straight edge of a projected grid is a curve in degrees."""
_TOLERANCE = 1e-4
"""How far the outline may be from the true one, as a share of its size."""
_LONGEST_EDGE_DEG = 2.0
_WHOLE_TURN_DEG = 360.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """An outline in WGS 84 degrees (longitude, latitude), after RFC 7946.

    ``wkb`` is a Polygon, or a MultiPolygon cut at the antimeridian; ``box`` is (west, south, east, north),
    west > east where it crosses that; ``area_km2`` lies on the ellipsoid.
    """

    wkb: bytes
    box: Box
    area_km2: float


class Outliner:
    """Draws outlines, in one thread; each CRS is looked up once, which takes longer than to draw."""

    def __init__(self) -> None:
        self._systems: dict[str, tuple[CRS, Transformer]] = {}

    def footprint(
        self, height_px: int, width_px: int, transform: Transform, crs: str | None
    ) -> Footprint | None:
        """Return the outline of a grid, or None where it has none: no CRS, or edges that are off the map.

        crs: WKT, ``EPSG:32633`` or whatever else PROJ understands.
        """
        if crs is None:
            return None
        try:
            system, to_globe = self._system(crs)
            lon, lat = _outline(height_px, width_px, transform, to_globe)
        except (ProjError, ValueError):
            return None
        return _footprint(lon, lat, system)

    def _system(self, crs: str) -> tuple[CRS, Transformer]:
        known = self._systems.get(crs)
        if known is None:
            system = CRS.from_user_input(crs)
            known = system, Transformer.from_crs(system, "OGC:CRS84", always_xy=True)
            self._systems[crs] = known
        return known


def _footprint(lon: NDArray[np.float64], lat: NDArray[np.float64], system: CRS) -> Footprint | None:
    if not (np.isfinite(lon).all() and np.isfinite(lat).all() and (np.abs(lat) <= 90 + 1e-9).all()):
        return None
    shape = _shape(lon, np.clip(lat, -90.0, 90.0), system)
    if shape is None:
        return None
    west, south, east, north = map(float, antimeridian.bbox(shape))
    wkb: bytes = shapely.to_wkb(shape)
    return Footprint(wkb, (west, south, east, north), _area_km2(shape))


def _outline(
    height_px: int, width_px: int, transform: Transform, to_globe: Transformer
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitudes and latitudes along the edges, (64,) each, counter-clockwise seen from above."""
    way = np.linspace(0.0, 1.0, _STEPS, endpoint=False)
    zeros, ones = np.zeros(_STEPS), np.ones(_STEPS)
    cols = np.concatenate([way, ones, 1 - way, zeros]) * width_px
    rows = np.concatenate([zeros, way, ones, 1 - way]) * height_px
    t = transform
    if t.a * t.e - t.b * t.d < 0:
        # The inside of a ring is on its left: about a pole, the other way round would be all but the scene.
        cols, rows = cols[::-1], rows[::-1]
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    lon, lat = to_globe.transform(x, y)
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def _shape(lon: NDArray[np.float64], lat: NDArray[np.float64], crs: CRS) -> BaseGeometry | None:
    if crs.is_geographic and lon.max() - lon.min() >= _WHOLE_TURN_DEG:
        return shapely.box(-180.0, float(lat.min()), 180.0, float(lat.max()))
    ring = shapely.Polygon(np.column_stack([lon, lat]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fixed = antimeridian.fix_polygon(ring, fix_winding=False, great_circle=False)
    except ValueError:
        return None
    west, south, east, north = fixed.bounds
    simple = shapely.simplify(fixed, _TOLERANCE * math.hypot(east - west, north - south))
    shape = simple if simple.is_valid else fixed
    return shape if shape.is_valid and not shape.is_empty else None


def _area_km2(shape: BaseGeometry) -> float:
    # An edge of Geod is a geodesic, ours is straight in degrees: the same where it is short. And it cannot
    # tell the whole globe from none of it, so the hemispheres are measured one by one.
    globe, total_m2 = Geod(ellps="WGS84"), 0.0
    for west in (-180.0, 0.0):
        half = shapely.intersection(shape, shapely.box(west, -90.0, west + 180.0, 90.0))
        area_m2, _ = globe.geometry_area_perimeter(shapely.segmentize(half, _LONGEST_EDGE_DEG))
        total_m2 += abs(area_m2)
    return total_m2 / 1e6
