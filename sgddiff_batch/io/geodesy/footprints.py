"""Footprints: the outlines of mosaics on the globe, for catalogues."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
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

_MOST_CRSS = 256
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
    """Draws outlines, in one thread; some CRSs are kept, for looking one up takes longer than to draw."""

    def __init__(self) -> None:
        self._globes: dict[str, Globe] = {}
        self._ellipsoid = Geod(ellps="WGS84")

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
                shape = shape_of(ring, lambda: globe.inside(height_px, width_px, transform))
        except (CRSError, RasterioError, CPLE_BaseError, OffTheMapError, shapely.errors.GEOSException):
            return None
        if shape.is_empty or not shape.is_valid:
            return None
        return Footprint(shapely.to_wkb(shape), box_of(shape), _area_km2(shape, self._ellipsoid))

    def _globe(self, crs: str) -> Globe:
        known = self._globes.get(crs)
        if known is None:
            if len(self._globes) >= _MOST_CRSS:
                self._globes.clear()  # each scene has one of its own
            known = self._globes[crs] = Globe(CRS.from_user_input(crs))
        return known


def shape_of(ring: Ring, inside: Callable[[], tuple[Floats, Floats]]) -> BaseGeometry:
    """Return the outline that a line encloses; ``inside`` gives points inside of it, about a pole."""
    if ring.turns:
        lon, lat = inside()
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
    # No zero has a sign: some of what follows would keep it.
    points = np.stack([lon, lat], axis=1) + 0.0
    return areas_of([shapely.make_valid(shapely.Polygon(points))])


def areas_of(shapes: Sequence[BaseGeometry]) -> BaseGeometry:
    """Return the polygons among shapes as one."""
    parts = [part for shape in shapes for part in _parts(shape)]
    found = [orient(part) for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return found[0] if len(found) == 1 else shapely.MultiPolygon(found)


def _parts(shape: BaseGeometry) -> Iterable[BaseGeometry]:
    parts: Iterable[BaseGeometry] = [shape] if shape.geom_type == "Polygon" else shapely.get_parts(shape)
    return parts


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
        piece = shapely.intersection(shape, _box(middle - 180.0, middle + 180.0))
        pieces.append(translate(piece, xoff=-middle) if (first, last) != (0, 0) else piece)
    if east - west < TURN - _NEAR_TURN_DEG:
        return areas_of(pieces)
    # Its ends meet, or lie over each other.
    return areas_of([shapely.make_valid(shapely.union_all(pieces, grid_size=_SAME_DEG))])


def _box(west: float, east: float) -> BaseGeometry:
    return shapely.box(west, -90.0, east, 90.0)


def box_of(shape: BaseGeometry) -> Box:
    """Return (west, south, east, north) of a shape cut at the antimeridian: all but its widest gap."""
    west, south, east, north = map(float, shape.bounds)
    if shape.geom_type == "Polygon":
        return west, south, east, north
    spans = sorted((float(one.bounds[0]), float(one.bounds[2])) for one in _parts(shape))
    west, east = spans[0][0], max(span[1] for span in spans)
    widest, reached = west + TURN - east, spans[0][1]
    for start, end in spans[1:]:
        if start - reached > widest + _SAME_DEG:
            widest, west, east = start - reached, start, reached
        reached = max(reached, end)
    return west, south, east, north


def _area_km2(shape: BaseGeometry, ellipsoid: Geod) -> float:
    # An edge of Geod is a geodesic, ours is straight in degrees: the same where it is short. And it cannot
    # tell the whole globe from none of it, so the hemispheres are measured one by one.
    total_m2 = 0.0
    first, _, last, _ = shape.bounds
    for west in (-180.0, 0.0):
        if last < west or first > west + 180.0:
            continue
        half = shapely.intersection(shape, _box(west, west + 180.0))
        area_m2, _ = ellipsoid.geometry_area_perimeter(shapely.segmentize(half, _LONGEST_EDGE_DEG))
        total_m2 += abs(area_m2)
    return total_m2 / 1e6
