"""Rings: the edges of grids as lines on the globe, by GDAL's own transformations.

GDAL's, for it lays the pixels: what it takes for x and y is not what PROJ does where a CRS counts to the west
or south, and PROJ may choose another way between two datums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.geodesy.transformations import Floats, to_crs

TURN = 360.0
WGS84 = CRS.from_epsg(4326)

_STEPS = 16
"""Parts of an edge: a straight edge of a projected grid is a curve in degrees."""
_WIDEST_STEP_DEG = 15.0
"""Between points farther apart, as about a pole, others are put."""
_MOST_HALVINGS = 60
_INSET_PX = 1e-6
"""A pole has every longitude, and what lies so far from it has one."""
_POLE_DEG = 1e-7
_DATUM_POLE_DEG = 1.0
"""So near a pole the degrees of another datum are taken as they are: its own pole is no line on the globe."""
_ROUNDING_DEG = 1e-9


class OffTheMapError(ValueError):
    """Edges, or all that is inside of them, have no place on the globe."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The edges of a grid: longitudes go on past 180 degrees where the line does, so no step is a jump.

    ``turns``: 1 or -1 for a line about a pole, whose last point is the first one a turn farther; else 0, and
    the line is closed.
    """

    lon: Floats
    lat: Floats
    turns: int


class Globe:
    """The way from one CRS to the globe (longitude and latitude of WGS 84)."""

    def __init__(self, crs: CRS) -> None:
        self._crs = crs
        self._degrees = _degrees_of(crs)

    @property
    def counts_degrees(self) -> bool:
        """Whether x counts degrees of a datum: then longitudes go on past half a turn as x does."""
        return self._degrees is not None

    def ring(self, height_px: int, width_px: int, transform: Transform) -> Ring:
        """Return the edges of a grid.

        Raises:
            OffTheMapError: if some of them, and the pixels there, have no place on the globe.
        """
        grid = _Placed(self, height_px, width_px, transform)
        cols, rows = _edges(height_px, width_px)
        lon, lat = grid.places(cols, rows)
        if self._degrees is not None:
            return Ring(_closed(lon), _closed(lat), 0)
        if (np.abs(lat) > 90 - _POLE_DEG).any():
            cols = np.clip(cols, _INSET_PX, width_px - _INSET_PX)
            rows = np.clip(rows, _INSET_PX, height_px - _INSET_PX)
            lon, lat = grid.places(cols, rows)
        return unwrapped(*_refined(grid, cols, rows, lon, lat))

    def inside(self, height_px: int, width_px: int, transform: Transform) -> tuple[Floats, Floats]:
        """Return the places of a few points inside of a grid, of those that have one."""
        way = np.array([0.1, 0.5, 0.9])
        cols, rows = (share.ravel() for share in np.meshgrid(way * width_px, way * height_px))
        lon, lat = self.places(*_moved(transform, cols, rows))
        there = np.isfinite(lon) & np.isfinite(lat)
        return lon[there], lat[there]

    def places(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes, not finite where there are none; latitudes may be beyond 90."""
        lon, lat = to_crs(self._crs, WGS84, x, y)
        if self._degrees is None:
            return lon, lat
        start, unit = self._degrees
        counted = start + unit * x
        at_pole = ~(np.abs(unit * y) < 90 - _DATUM_POLE_DEG) & np.isfinite(y)
        lon = np.where(at_pole, counted, lon)
        # As many turns as the CRS counts itself: GDAL puts some back to the first one.
        return lon + TURN * np.round((counted - lon) / TURN), np.where(at_pole, unit * y, lat)


def _degrees_of(crs: CRS) -> tuple[float, float] | None:
    """Return (longitude of x = 0, degrees of one x), None where x and y are no degrees of a datum."""
    if not crs.is_geographic:
        return None
    lon, lat = to_crs(crs, WGS84, np.array([0.0, 20.0, 20.0]), np.array([0.0, 0.0, 40.0]))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None  # of another body: nothing leads from it to the Earth
    unit = float(lon[1] - lon[0]) / 20
    straight = abs(lon[2] - lon[1]) < 0.1 and abs(lat[2] - 40 * unit) < 0.1 and abs(lat[0]) < 0.1
    if not straight:
        return None
    # A datum moves it by a few hundred metres; in which unit it counts is known to the last digit.
    exact = next((u for u in (1.0, 0.9, np.degrees(1.0)) if abs(unit / u - 1) < 1e-3), unit)
    return float(lon[0]), float(exact)


@dataclass(frozen=True, slots=True)
class _Placed:
    globe: Globe
    height_px: int
    width_px: int
    transform: Transform

    def places(self, cols: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Return the places of points of the edges.

        Where there is none it is that of the pixel's centre: what is a grid of points has its last ones on
        the edge of the map, and edges half a pixel beyond.

        Raises:
            OffTheMapError: if the centre has no place either.
        """
        lon, lat = self._raw(cols, rows)
        if not _on_map(lon, lat).all():
            lon, lat = self._by_centres(cols, rows, lon.copy(), lat.copy())
        return lon, np.clip(lat, -90.0, 90.0)

    def _by_centres(self, cols: Floats, rows: Floats, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Fill in the places of centres where the points have none."""
        mid_cols = np.clip(cols, 0.5, self.width_px - 0.5)
        mid_rows = np.clip(rows, 0.5, self.height_px - 0.5)
        for other_cols, other_rows in ((cols, mid_rows), (mid_cols, rows), (mid_cols, mid_rows)):
            off = ~_on_map(lon, lat)
            if not off.any():
                break
            mid_lon, mid_lat = self._raw(other_cols[off], other_rows[off])
            past_pole = np.isfinite(lat[off]) & _on_map(mid_lon, mid_lat)
            lon[off] = np.where(past_pole, lon[off], mid_lon)
            lat[off] = np.where(past_pole, 90 * np.sign(lat[off]), mid_lat)
        if not _on_map(lon, lat).all():
            raise OffTheMapError
        return lon, lat

    def _raw(self, cols: Floats, rows: Floats) -> tuple[Floats, Floats]:
        return self.globe.places(*_moved(self.transform, cols, rows))


def _on_map(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        there: NDArray[np.bool_] = np.isfinite(lon) & (np.abs(lat) <= 90 + _ROUNDING_DEG)
    return there


def _moved(t: Transform, cols: Floats, rows: Floats) -> tuple[Floats, Floats]:
    return t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f


def _edges(height_px: int, width_px: int) -> tuple[Floats, Floats]:
    cols, rows = _unit_edges()
    return cols * width_px, rows * height_px


@cache
def _unit_edges() -> tuple[Floats, Floats]:
    way = np.linspace(0.0, 1.0, _STEPS, endpoint=False)
    zeros, ones = np.zeros(_STEPS), np.ones(_STEPS)
    return np.concatenate([way, ones, 1 - way, zeros]), np.concatenate([zeros, way, ones, 1 - way])


def _refined(grid: _Placed, cols: Floats, rows: Floats, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Return the places of a line with more points where its longitudes make wide steps."""
    for _ in range(_MOST_HALVINGS):
        wide = np.flatnonzero(np.abs(_steps(lon)) > _WIDEST_STEP_DEG)
        if not len(wide):
            break
        after = (wide + 1) % len(lon)
        mid_cols, mid_rows = (cols[wide] + cols[after]) / 2, (rows[wide] + rows[after]) / 2
        mid_lon, mid_lat = grid.places(mid_cols, mid_rows)
        lon, lat = np.insert(lon, wide + 1, mid_lon), np.insert(lat, wide + 1, mid_lat)
        cols, rows = np.insert(cols, wide + 1, mid_cols), np.insert(rows, wide + 1, mid_rows)
    return lon, lat


def _steps(lon: Floats) -> Floats:
    steps = np.diff(_closed(lon))
    return steps - TURN * np.round(steps / TURN)


def unwrapped(lon: Floats, lat: Floats) -> Ring:
    """Return the ring of points (n) whose longitudes may jump by a turn; the first one is not repeated."""
    steps = _steps(lon)
    turns = round(float(steps.sum()) / TURN)
    way = lon[0] + np.concatenate([[0.0], np.cumsum(steps)])
    # Sums of steps lose the last digits, the places have them.
    exact = _closed(lon)
    exact += TURN * np.round((way - exact) / TURN)
    return Ring(exact, _closed(lat), turns)


def _closed(values: Floats) -> Floats:
    return np.concatenate([values, values[:1]])
