"""Maps: outlines on the globe, drawn on the plane of an area, also where that plane is torn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyproj
import shapely
from rasterio.crs import CRS
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from sgddiff_batch.io.areas.worlds import area_of_use, central_longitude, world_of
from sgddiff_batch.io.geodesy import Floats, to_crs

_WGS84 = CRS.from_epsg(4326)
_GLOBE = shapely.box(-180.0, -90.0, 180.0, 90.0)
_LARGE_DEG = 20.0
"""What is larger is drawn in pieces: a few points of it say little of where it lies in between."""
PIECE_DEG = 10.0
_STEPS = 8
_INSIDE_DEG = 1e-9
_DATUM_DEG = 0.02
_FAR_POLE = 100.0
"""A tenth of a degree at the pole that is so much longer than one far from it leads to infinity."""
_POLE_LIMIT_DEG, _USE_LIMIT_DEG = 89.0, 80.0


class AreaMap:
    """The plane of an area's CRS.

    use: where the CRS may be used, in degrees, west < east; None where nobody says. Of what is large, only
    what is within is drawn, but on a cylinder, which shows all of the globe.
    """

    def __init__(self, crs_wkt: str, use: BaseGeometry | None) -> None:
        self._crs = CRS.from_wkt(crs_wkt)
        middle = central_longitude(crs_wkt)
        self._seam = None if middle is None else (middle % 360.0) - 180.0
        self._degrees = _own_degrees(crs_wkt)
        self._south, self._north = self._limits(crs_wkt, middle or 0.0)
        self._use = _GLOBE if use is None or world_of(crs_wkt) is not None else _within_globe(use)

    def is_torn(self, globe: BaseGeometry) -> bool:
        """Return whether an outline has to be drawn in pieces."""
        west, south, east, north = globe.bounds
        seam = self._seam is not None and west < self._seam < east
        large = max(east - west, north - south) > _LARGE_DEG
        return large or seam or len(shapely.get_parts(globe)) > 1 or self._is_past(south, north)

    def parts(self, globe: BaseGeometry) -> list[BaseGeometry]:
        """Return an outline on the plane, as parts that may touch or overlap."""
        found = (self._drawn(piece, low, high) for piece, low, high in self._pieces(globe))
        return [part for part in found if part is not None]

    def _is_past(self, south: float, north: float) -> bool:
        return south < self._south or north > self._north

    def _pieces(self, globe: BaseGeometry) -> Iterator[tuple[BaseGeometry, float, float]]:
        """Yield pieces, each with the longitudes between which the plane is whole there."""
        for part in shapely.get_parts(globe):
            for low, high in self._strips():
                strip = shapely.box(low - _DATUM_DEG, self._south, high + _DATUM_DEG, self._north)
                piece = shapely.intersection(part, strip)
                west, south, east, north = piece.bounds
                if piece.is_empty or not piece.area:
                    continue
                if max(east - west, north - south) <= _LARGE_DEG:
                    yield piece, low, high
                    continue
                piece = shapely.intersection(piece, self._use)
                for one in shapely.get_parts(shapely.intersection(piece, _squares(piece))):
                    if one.area:
                        yield one, low, high

    def _strips(self) -> list[tuple[float, float]]:
        if self._seam is None or abs(self._seam) == 180.0:
            return [(-180.0, 180.0)]
        return [(-180.0, self._seam), (self._seam, 180.0)]

    def _drawn(self, piece: BaseGeometry, low: float, high: float) -> BaseGeometry | None:
        west, south, east, north = piece.bounds
        fine = shapely.segmentize(piece, max(east - west, north - south) / _STEPS)
        lon, lat = shapely.get_coordinates(shapely.get_parts(fine)[0].exterior).T
        own_lon, own_lat = to_crs(_WGS84, self._degrees, lon, lat)
        # Of another datum poles are no lines, and GDAL puts 180 degrees to either end.
        near_pole = ~(np.abs(lat) < 89.0)
        own_lon = np.where(near_pole, lon, own_lon + 360.0 * np.round((lon - own_lon) / 360.0))
        own_lat = np.where(near_pole, lat, own_lat)
        own_lon = np.clip(own_lon, low + _INSIDE_DEG, high - _INSIDE_DEG)
        return _polygon(*to_crs(self._degrees, self._crs, own_lon, own_lat))

    def _limits(self, crs_wkt: str, middle: float) -> tuple[float, float]:
        """Return the latitudes that are drawn: not a pole that lies at infinity."""
        use = area_of_use(crs_wkt, 0.0)
        _, south, _, north = (0.0, -90.0, 0.0, 90.0) if use is None else use.bounds
        if abs(south) < _USE_LIMIT_DEG:
            south = -_POLE_LIMIT_DEG
        if abs(north) < _USE_LIMIT_DEG:
            north = _POLE_LIMIT_DEG
        return south if self._is_far(-1, middle) else -90.0, north if self._is_far(1, middle) else 90.0

    def _is_far(self, sign: int, middle: float) -> bool:
        lat = sign * np.array([90.0, 89.9, 45.1, 45.0])
        x, y = to_crs(self._degrees, self._crs, np.full(4, middle), lat)
        if not np.isfinite([x, y]).all():
            return True
        return bool(np.hypot(x[0] - x[1], y[0] - y[1]) > _FAR_POLE * np.hypot(x[2] - x[3], y[2] - y[3]))


def _own_degrees(crs_wkt: str) -> CRS:
    """Return the degrees of a CRS's own datum, in which its map ends at a longitude; else those of WGS 84."""
    degrees = pyproj.CRS.from_wkt(crs_wkt).geodetic_crs
    if degrees is None or degrees.prime_meridian is None or degrees.is_derived or degrees.is_geocentric:
        return _WGS84
    is_degree = np.isclose(degrees.axis_info[0].unit_conversion_factor, np.pi / 180)
    from_greenwich = degrees.prime_meridian.longitude == 0
    return CRS.from_wkt(degrees.to_wkt()) if is_degree and from_greenwich else _WGS84


def _within_globe(use: BaseGeometry) -> BaseGeometry:
    turned = [translate(use, xoff=turn) for turn in (-360.0, 0.0, 360.0)]
    return shapely.intersection(shapely.union_all(turned), _GLOBE)


def _squares(shape: BaseGeometry) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    west, south, east, north = np.asarray(shape.bounds) / PIECE_DEG
    if not np.isfinite(west):
        return np.array([], dtype=object)
    cols, rows = np.arange(np.floor(west), np.ceil(east)), np.arange(np.floor(south), np.ceil(north))
    left, low = (side.ravel() * PIECE_DEG for side in np.meshgrid(cols, rows))
    return np.asarray(shapely.box(left, low, left + PIECE_DEG, low + PIECE_DEG), dtype=object)


def _polygon(x: Floats, y: Floats) -> BaseGeometry | None:
    """Return a polygon of those of its points that have a place."""
    there = np.isfinite(x) & np.isfinite(y)
    if there.sum() < 3:
        return None
    return shapely.Polygon(np.column_stack([x[there], y[there]]))
