"""The ground under a mosaic: polygons of its CRS on the globe and in metres, many at a time."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from shapely.geometry.base import BaseGeometry

from sgddiff_batch.core.ellipsoid import degree_m, zones_m2
from sgddiff_batch.io.geodesy.footprints import areas_of, shape_of
from sgddiff_batch.io.geodesy.rings import TURN, Globe, OffTheMapError, Ring, unwrapped
from sgddiff_batch.io.geodesy.transformations import Floats

Shapes = NDArray[np.object_]

_ROUNDING = 1e-9
_HALF_TURN = TURN / 2


class Ground:
    """A CRS with a place on the globe, in one thread."""

    def __init__(self, crs: str) -> None:
        """Look a CRS up: WKT, ``EPSG:32633`` or whatever else GDAL understands.

        Raises:
            ValueError: if GDAL does not know it, or its x and y are neither metres of a map nor degrees.
        """
        try:
            self._crs = CRS.from_user_input(crs)
            self._globe = Globe(self._crs)
        except (CRSError, RasterioError, CPLE_BaseError) as error:
            raise ValueError(f"{crs[:80]!r} has no place on the globe: {error}") from None
        if not (self._crs.is_projected or self._crs.is_geographic):
            raise ValueError(f"{crs[:80]!r} has neither metres of a map nor degrees")

    @property
    def unit_m(self) -> float | None:
        """The metres of one x or y; None where these are degrees."""
        return float(self._crs.linear_units_factor[1]) if self._crs.is_projected else None

    def places(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return longitude [-180, 180) and latitude of points, NaN where there is none."""
        lon, lat = self._globe.places(x, y)
        with np.errstate(invalid="ignore"):
            off = ~(np.isfinite(lon) & (np.abs(lat) <= 90))
            lon = (lon + _HALF_TURN) % TURN - _HALF_TURN
        return np.where(off, np.nan, lon), np.where(off, np.nan, lat)

    def on_globe(self, polygons: Shapes, longest: float | None = None) -> Shapes:
        """Return polygons (n) in degrees, cut at the antimeridian as footprints are; None where off the map.

        longest: in units of the CRS; longer edges are curves on the globe, and get points in between.
        """
        if self.unit_m is not None and longest is not None:
            polygons = _segmentized(polygons, longest)
        points, owner = shapely.get_coordinates(polygons, return_index=True)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is off the map
            lon, lat = self._globe.places(points[:, 0], points[:, 1])
        found: Shapes = shapely.set_coordinates(
            polygons.copy(), np.stack([lon, np.clip(lat, -90, 90)], axis=1) + 0.0
        )
        is_usual = _are_usual(lon, owner, len(polygons)) & shapely.is_valid(found)
        for nth in np.flatnonzero(~is_usual).tolist():
            found[nth] = self._cut(polygons[nth])
        return found

    def areas_m2(self, polygons: Shapes) -> Floats:
        """Return the areas of polygons (n) of a CRS in degrees, on the ellipsoid; NaN where off the map."""
        return ellipsoid_m2(self.on_globe(polygons))

    def in_metres(self, polygons: Shapes, lon: Floats, lat: Floats) -> Shapes:
        """Return polygons (n) in metres: those of the map, or of degrees as they are at their place.

        lon, lat: (n) the places; what has none, NaN, has no metres either: None.
        """
        points, owner = shapely.get_coordinates(polygons, return_index=True)
        unit_m = self.unit_m
        if unit_m is not None:
            flat: Shapes = shapely.set_coordinates(polygons.copy(), points * unit_m)
            return flat
        east_m, north_m = degree_m(lat)
        own_lon, own_lat = self._globe.places(points[:, 0], points[:, 1])
        with np.errstate(invalid="ignore"):
            steps = (own_lon - lon[owner] + _HALF_TURN) % TURN - _HALF_TURN
            x, y = steps * east_m[owner], (np.clip(own_lat, -90, 90) - lat[owner]) * north_m[owner]
        found: Shapes = shapely.set_coordinates(polygons.copy(), np.nan_to_num(np.stack([x, y], axis=1)))
        found[np.isnan(lon)] = None
        return found

    def _cut(self, polygon: shapely.Polygon) -> BaseGeometry | None:
        """Return a polygon across the antimeridian or about a pole on the globe."""
        try:
            whole = self._filled(polygon.exterior)
            for hole in polygon.interiors:
                whole = shapely.difference(whole, self._filled(hole))
            whole = areas_of([whole])
        except (OffTheMapError, shapely.errors.GEOSException):
            return None
        return None if whole.is_empty or not whole.is_valid else whole

    def _filled(self, line: shapely.LinearRing) -> BaseGeometry:
        x, y = shapely.get_coordinates(line)[:-1].T
        lon, lat = self._globe.places(x, y)
        if not (np.isfinite(lon) & (np.abs(lat) < 90 + TURN)).all():
            raise OffTheMapError
        lat = np.clip(lat, -90.0, 90.0)
        inside = shapely.get_coordinates(shapely.Polygon(line).representative_point())
        if self._globe.counts_degrees:
            ring = Ring(np.append(lon, lon[0]), np.append(lat, lat[0]), 0)
        else:
            ring = unwrapped(lon, lat)
        return shape_of(ring, lambda: self._globe.places(inside[:, 0], inside[:, 1]))


def _segmentized(polygons: Shapes, longest: float) -> Shapes:
    """Return polygons (n) with points in between on edges that are longer; most have none, and stay."""
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    lengths = np.hypot(*np.diff(points, axis=0).T)
    is_long = (lengths > longest * (1 - _ROUNDING)) & (ring[1:] == ring[:-1])
    chosen = np.unique(polygon[ring[1:][is_long]])
    if not len(chosen):
        return polygons
    found = polygons.copy()
    found[chosen] = shapely.segmentize(polygons[chosen], longest)
    return found


def _are_usual(lon: Floats, owner: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Say which polygons are on the map, and within half a turn: they are where their degrees stand."""
    west, east = np.full(count, np.inf), np.full(count, -np.inf)
    with np.errstate(invalid="ignore"):  # NaN stays, and is not usual
        np.minimum.at(west, owner, lon)
        np.maximum.at(east, owner, lon)
        usual: NDArray[np.bool_] = (west >= -_HALF_TURN) & (east <= _HALF_TURN) & (east - west < _HALF_TURN)
    return usual


def ellipsoid_m2(shapes: Shapes) -> Floats:
    """Return the areas on the ellipsoid of shapes in degrees, whose edges are straight there; NaN of None."""
    points = shapely.get_coordinates(shapes)
    zones = np.stack([np.radians(points[:, 0]), zones_m2(points[:, 1])], axis=1)
    areas: Floats = shapely.area(shapely.set_coordinates(shapes.copy(), zones))
    return areas
