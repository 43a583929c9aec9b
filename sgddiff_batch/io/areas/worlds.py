"""Worlds: where the map of a CRS ends in the west and east, and goes on at its other end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
from rasterio.crs import CRS
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from sgddiff_batch.io.geodesy import to_crs

_SAME_SHARE = 1e-6
_PLACES = 18


@dataclass(frozen=True, slots=True)
class World:
    """The columns of a map on which a turn of the globe is the same length everywhere.

    ``west``: where it begins, ``turn``: its width, both in units of the CRS.
    """

    west: float
    turn: float

    def is_left_by(self, low: float, high: float) -> bool:
        """Return whether columns reach past either end, by more than rounding."""
        slack = _SAME_SHARE * min(self.turn, high - low)
        return low < self.west - slack or high > self.west + self.turn + slack


@lru_cache(maxsize=256)
def world_of(crs_wkt: str) -> World | None:
    """Return the world of a geographic CRS or of a cylinder; None where a turn is no length along x."""
    system = pyproj.CRS.from_wkt(crs_wkt)
    degrees = system.geodetic_crs
    if degrees is None or degrees.is_derived or degrees.is_geocentric:
        return None
    whole = round(2 * math.pi / degrees.axis_info[0].unit_conversion_factor, 9)
    if system.is_geographic:
        return World(-whole / 2, whole)
    middle = central_longitude(crs_wkt)
    if not math.isclose(whole, 360.0) or middle is None:
        return None
    return _cylinder(CRS.from_wkt(degrees.to_wkt()), CRS.from_wkt(crs_wkt), middle)


def _cylinder(degrees: CRS, plane: CRS, middle: float) -> World | None:
    """Return the world of a plane if x depends on the longitude alone, in proportion to it."""
    # From its own middle to its ends, not quite: those are in two places.
    lon = middle + np.linspace(-170.0, 170.0, _PLACES)
    rows = [to_crs(degrees, plane, lon, np.full(_PLACES, lat))[0] for lat in (0.0, 50.0, -35.0)]
    if not np.isfinite(rows).all():
        return None
    turn = float(rows[0][-1] - rows[0][0]) * 360.0 / 340.0
    centre = float(rows[0][-1] + rows[0][0]) / 2
    straight = centre + (lon - middle) * turn / 360.0
    if turn <= 0 or np.abs(np.subtract(rows, straight)).max() > _SAME_SHARE * turn:
        return None
    return World(centre - turn / 2, turn)


def central_longitude(crs_wkt: str) -> float | None:
    """Return the longitude, -180 to 180 of the CRS's own datum, in the middle of a map, None without any."""
    system = pyproj.CRS.from_wkt(crs_wkt)
    if system.is_geographic or system.coordinate_operation is None or system.geodetic_crs is None:
        return None
    found = [one for one in system.coordinate_operation.params if one.name.startswith("Longitude of")]
    if not found:
        return None
    start = system.geodetic_crs.prime_meridian
    greenwich = math.degrees(start.longitude * float(start.unit_conversion_factor)) if start else 0.0
    lon = math.degrees(float(found[0].value) * float(found[0].unit_conversion_factor)) + greenwich
    return (lon + 180.0) % 360.0 - 180.0


def area_of_use(crs_wkt: str, wider_deg: float) -> BaseGeometry | None:
    """Return where a CRS is used, widened, west < east; None where nobody says."""
    crs = pyproj.CRS.from_wkt(crs_wkt)
    # GDAL's WKT has lost it; the authority's own has it.
    authority = crs.to_authority(min_confidence=100)
    use = (pyproj.CRS.from_authority(*authority) if authority else crs).area_of_use
    if use is None:
        return None
    east = use.east + 360.0 if use.east < use.west else use.east
    return box(use.west - wider_deg, use.south - wider_deg, east + wider_deg, use.north + wider_deg)
