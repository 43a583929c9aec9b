"""Footprints: the outlines of mosaics on the globe, for catalogues."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Geod
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.geodesy.rings import TURN, Globe, OffTheMapError, Ring
from sgddiff_batch.io.geodesy.transformations import Floats

Box = tuple[float, float, float, float]

_TOLERANCE = 1e-4
"""How far the outline may be from the true one, as a share of its size."""
_LONGEST_EDGE_DEG = 2.0
_NEAR_TURN_DEG = 1e-6
"""What lacks no more of a whole turn, 0.1 m, is one: coordinates are rounded."""
_WIDEST_DEG = 36_000.0
"""What goes round the globe more often is no picture of it, but a transform of other units."""
_SAME_DEG = 1e-9
_SAME_SHARE = 1e-6
"""What crosses the antimeridian by less than this share of a scene ends there: its corners were rounded."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """An outline in WGS 84 degrees (longitude, latitude), after RFC 7946.

    ``wkb`` is a Polygon, or a MultiPolygon cut at the antimeridian; ``box`` is (west, south, east, north),
    west > east where it crosses that; ``area_km2`` lies on the ellipsoid.
    """

    wkb: bytes
    box: Box
    area_km2: float


class FootprintMaker:
    """Draws outlines, in one thread; each CRS is looked up once, which takes longer than to draw."""

    def __init__(self) -> None:
        self._globes: dict[str, Globe] = {}

    def footprint(
        self, height_px: int, width_px: int, transform: Transform, crs: str | None
    ) -> Footprint | None:
        """Return the outline of a grid, or None where it has none: no CRS, or edges that are off the map.

        What is half a pixel past a pole ends there: so do grids of points.

        crs: WKT, ``EPSG:32633`` or whatever else GDAL understands.
        """
        if crs is None:
            return None
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is off the map
                globe = self._globe(crs)
                ring = globe.ring(height_px, width_px, transform)
                shape = _shape(ring, *globe.inside(height_px, width_px, transform))
        except (CRSError, RasterioError, CPLE_BaseError, OffTheMapError, shapely.errors.GEOSException):
            return None
        if shape.is_empty or not shape.is_valid:
            return None
        return Footprint(shapely.to_wkb(shape), box_of(shape), _area_km2(shape))

    def _globe(self, crs: str) -> Globe:
        known = self._globes.get(crs)
        if known is None:
            known = self._globes[crs] = Globe(CRS.from_user_input(crs))
        return known


def _shape(ring: Ring, lon: Floats, lat: Floats) -> BaseGeometry:
    """Return the outline that a line encloses; (lon, lat) are points inside of it."""
    if ring.turns:
        caps = [_polygon(*_through_pole(ring, pole)) for pole in (90.0, -90.0)]
        whole = min(caps, key=lambda cap: _distance(cap, lon, lat))
    else:
        whole = _polygon(_whole_turn(ring.lon), ring.lat)
    if whole.is_empty:
        return whole  # so small, or so far out, that its corners are one point or line
    west, south, east, north = whole.bounds
    if east - west > _WIDEST_DEG:
        raise OffTheMapError
    simple = shapely.simplify(whole, _TOLERANCE * math.hypot(min(east - west, TURN), north - south))
    return _cut(simple if simple.is_valid and not simple.is_empty else whole)


def _through_pole(ring: Ring, pole: float) -> tuple[Floats, Floats]:
    lon = np.concatenate([ring.lon, [ring.lon[-1], ring.lon[0]]])
    return lon, np.concatenate([ring.lat, [pole, pole]])


def _whole_turn(lon: Floats) -> Floats:
    west, east = lon.min(), lon.max()
    if not 0 < abs(east - west - TURN) <= _NEAR_TURN_DEG:
        return lon
    return np.where(east - lon <= _NEAR_TURN_DEG, west + TURN, lon)


def _polygon(lon: Floats, lat: Floats) -> BaseGeometry:
    return _areas([shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])))])


def _areas(shapes: Iterable[BaseGeometry]) -> BaseGeometry:
    """Return the polygons among shapes as one."""
    parts = [part for shape in shapes for part in shapely.get_parts(shape)]
    found = [orient(part) for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return found[0] if len(found) == 1 else shapely.MultiPolygon(found)


def _distance(shape: BaseGeometry, lon: Floats, lat: Floats) -> float:
    west, _, _, _ = shape.bounds
    points = shapely.points(west + (lon - west) % TURN, lat)
    return float(shapely.distance(shape, points).sum())


def _cut(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape whose longitudes may go on past 180 degrees, cut there; its parts from west to east."""
    west, _, east, _ = shape.bounds
    same = max(_SAME_DEG, _SAME_SHARE * min(east - west, 1.0))
    first = math.floor((west + 180.0 + same) / TURN)
    last = max(first, math.ceil((east - 180.0 - same) / TURN))
    pieces = []
    for turn in range(first, last + 1):
        middle = TURN * turn
        piece = shapely.intersection(shape, shapely.box(middle - 180.0, -90.0, middle + 180.0, 90.0))
        pieces.append(translate(piece, xoff=-middle))
    if east - west < TURN - _NEAR_TURN_DEG:
        return _areas(pieces)
    # Its ends meet, or lie over each other.
    return _areas([shapely.make_valid(shapely.union_all(pieces, grid_size=_SAME_DEG))])


def box_of(shape: BaseGeometry) -> Box:
    """Return (west, south, east, north) of a shape cut at the antimeridian: all but its widest gap."""
    _, south, _, north = map(float, shape.bounds)
    spans = sorted((float(one.bounds[0]), float(one.bounds[2])) for one in shapely.get_parts(shape))
    west, east = spans[0][0], max(span[1] for span in spans)
    widest, reached = west + TURN - east, spans[0][1]
    for start, end in spans[1:]:
        if start - reached > widest + _SAME_DEG:
            widest, west, east = start - reached, start, reached
        reached = max(reached, end)
    return west, south, east, north


def _area_km2(shape: BaseGeometry) -> float:
    # An edge of Geod is a geodesic, ours is straight in degrees: the same where it is short. And it cannot
    # tell the whole globe from none of it, so the hemispheres are measured one by one.
    globe, total_m2 = Geod(ellps="WGS84"), 0.0
    for west in (-180.0, 0.0):
        half = shapely.intersection(shape, shapely.box(west, -90.0, west + 180.0, 90.0))
        area_m2, _ = globe.geometry_area_perimeter(shapely.segmentize(half, _LONGEST_EDGE_DEG))
        total_m2 += abs(area_m2)
    return total_m2 / 1e6
