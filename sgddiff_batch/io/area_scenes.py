"""The scenes of an area: what the archive catalogue says of them, and which cells each touches."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from sgddiff_batch.core.cells import Cell, CellGrid
from sgddiff_batch.core.composite_planning import AreaScene
from sgddiff_batch.core.grid import Transform
from sgddiff_batch.core.periods import period_of, span_of_digits
from sgddiff_batch.core.times import TimeSpan
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive_catalogue import read_catalogue
from sgddiff_batch.io.area_places import Floats, to_crs
from sgddiff_batch.io.catalogue_rows import times_of
from sgddiff_batch.io.stores import Store

COLUMNS = [
    "id", "store", "geometry", "datetime", "start_datetime", "end_datetime", "created",
    "proj:code", "proj:wkt2", "proj:shape", "proj:transform", "model_digest",
]  # fmt: skip

MOST_CELLS = 100_000
"""A scene that touches more cells than this is not cut into sensible ones."""
_ROWS = 1000
"""Rows of the catalogue that are unpacked at once: a table of them takes a tenth of the memory."""
_STEPS = 16
"""Parts of an edge: a straight edge of one CRS is a curve in another."""
_PAD_SHARE = 5e-4
"""By so much of its size an outline in another CRS is widened: it is a polygon, and the true one is not."""
_NEAR_DEG = 6.0
"""So far beyond the area of use of its CRS a scene may lie: one UTM zone."""
_INSIDE_DEG = 1e-9
_DATUM_DEG = 0.02
"""By so much outlines are widened where degrees are not those of WGS 84: no datum is farther off."""
_GLOBE = shapely.box(-180.0, -90.0, 180.0, 90.0)
_NO_TIME = times_of(None, None)[1]

Found = tuple[AreaScene, list[Cell]]


@dataclass(frozen=True, slots=True)
class RefusedScene:
    """A scene that no area mosaic is made of, and why."""

    scene_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Membership:
    """The scenes that area mosaics are made of with the cells that they touch, and those that are refused."""

    scenes: tuple[Found, ...]
    refused: tuple[RefusedScene, ...]


def parse_crs(text: str) -> CRS:
    """Return the CRS of an area.

    Raises:
        ConfigError: if GDAL does not know it, it has no plane or degrees to lay pixels on, or its degrees are
            others than those east of Greenwich that a turn of the globe is counted in.
    """
    try:
        crs = CRS.from_user_input(text)
    except CRSError as error:
        own, _, _ = str(error).partition(" PROJ: ")
        raise ConfigError(f"areas.crs: {text!r} is no CRS that GDAL knows: {own}") from None
    if not (crs.is_projected or crs.is_geographic):
        raise ConfigError(f"areas.crs: must be projected or geographic, got {text!r}")
    if crs.is_geographic and not _counts_from_greenwich(crs):
        raise ConfigError(
            f"areas.crs: a geographic one must count degrees from Greenwich, got {text!r}: take EPSG:4326, "
            "or a projected one"
        )
    return crs


def _counts_from_greenwich(crs: CRS) -> bool:
    system = pyproj.CRS.from_wkt(crs.to_wkt()).geodetic_crs
    if system is None or system.prime_meridian is None:
        return False
    degrees = (math.isclose(axis.unit_conversion_factor, math.pi / 180) for axis in system.axis_info[:2])
    return system.prime_meridian.longitude == 0 and all(degrees)


def find_members(output: Store, cells: CellGrid, time_pattern: str | None = None) -> Membership:
    """Return the scenes of the current archive catalogue of an output, each with the cells it touches.

    Refused by name are scenes without CRS or time, and those that are far outside of the area's CRS.
    time_pattern: a regular expression with groups, searched in the id where the catalogue knows no time.

    Raises:
        ConfigError: if the output has no catalogue.
        FatalError: if the catalogue is damaged.
    """
    table = read_catalogue(output, columns=COLUMNS)
    if table is None:
        raise ConfigError(
            f"output.uri: {output.uri} has no archive catalogue yet: run jobs/infer_archive.py first"
        )
    pattern = re.compile(time_pattern) if time_pattern else None
    scenes: list[Found] = []
    refused: list[RefusedScene] = []
    place = _Placing(cells)
    for part in table.to_batches(max_chunksize=_ROWS):
        for row in part.to_pylist():
            try:
                scenes.append((_scene(row, pattern), place.cells(row)))
            except _RefusedError as error:
                refused.append(RefusedScene(row["id"], str(error)))
    return Membership(tuple(scenes), tuple(refused))


class _RefusedError(Exception):
    """Why a scene is refused."""


def _scene(row: Mapping[str, Any], pattern: re.Pattern[str] | None) -> AreaScene:
    span = _catalogued_span(row) or (pattern and _span_of_name(row["id"], pattern))
    if span is None:
        hint = "and there is no time_pattern"
        if pattern is not None:
            hint = f"and the time_pattern {pattern.pattern} finds none in its id"
        raise _RefusedError(f"its time is not known: the catalogue has none, {hint}")
    try:
        period_of(span.start_s, "year")
    except ValueError as error:
        raise _RefusedError(f"its time is of no period: {error}") from None
    created = row["created"].isoformat() if row["created"] else ""
    return AreaScene(row["id"], row["store"], created, span, row["model_digest"])


def _catalogued_span(row: Mapping[str, Any]) -> TimeSpan | None:
    instant, start, end = (row[name] for name in ("datetime", "start_datetime", "end_datetime"))
    if instant is not None:
        return TimeSpan(_seconds(instant), _seconds(instant))
    if start is None or end is None or start == _NO_TIME or end < start:
        return None
    return TimeSpan(_seconds(start), _seconds(end))


def _seconds(time: datetime) -> float:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _span_of_name(scene_id: str, pattern: re.Pattern[str]) -> TimeSpan | None:
    found = pattern.search(scene_id)
    return span_of_digits("".join(group or "" for group in found.groups())) if found else None


class _Placing:
    """Finds the cells that scenes touch."""

    def __init__(self, cells: CellGrid) -> None:
        self._cells, self._crs = cells, CRS.from_wkt(cells.crs_wkt)
        self._use = _area_of_use(cells.crs_wkt)
        self._degrees = CRS.from_epsg(4326)
        other = self._crs.is_geographic and self._crs != self._degrees
        self._datum_pad = _DATUM_DEG if other else 0.0
        self._known: dict[str, CRS | None] = {}

    def cells(self, row: Mapping[str, Any]) -> list[Cell]:
        text = row["proj:code"] or row["proj:wkt2"]
        if text is None:
            raise _RefusedError("it has no coordinate reference system")
        globe = None if row["geometry"] is None else shapely.from_wkb(row["geometry"])
        if globe is not None and self._use is not None and not _shares(self._use, globe):
            raise _RefusedError("it lies more than 6 degrees outside of the area of use of the area's CRS")
        outline = self._outline(row, text, globe)
        # Each part by its own box: those of a scene across 180 degrees lie at both ends of the world.
        parts = [part.bounds for part in shapely.get_parts(outline) if not part.is_empty]
        if sum(map(self._cells.count_in, parts)) > MOST_CELLS:
            raise _RefusedError(f"it touches more than {MOST_CELLS} cells: take larger ones")
        found = sorted({cell for box in parts for cell in self._cells.cells_in(box)})
        boxes = shapely.box(*np.array([self._cells.box(cell) for cell in found]).T)
        least = (1e-3 * self._cells.resolution) ** 2
        shared = shapely.area(shapely.intersection(outline, boxes)) > least
        return [cell for cell, touches in zip(found, shared, strict=True) if touches]

    def _outline(self, row: Mapping[str, Any], text: str, globe: BaseGeometry | None) -> BaseGeometry:
        """Return the outline of a scene in the area's CRS."""
        crs = self._parsed(text)
        height_px, width_px = row["proj:shape"]
        cols, rows = _ring(height_px, width_px)
        t = Transform(*row["proj:transform"])
        x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
        if crs == self._crs and not crs.is_geographic:
            return shapely.Polygon(np.column_stack([x, y]))
        if self._crs.is_geographic:
            # What crosses the antimeridian is in two parts there already.
            shape = globe
        elif globe is not None and len(shapely.get_parts(globe)) > 1:
            shape = self._united(globe)
        else:
            shape = _polygon(*to_crs(crs, self._crs, x, y))
        if shape is None or shape.is_empty:
            raise _RefusedError("its outline cannot be drawn in the area's CRS")
        wider = self._widened(shapely.get_parts(shape))
        return shapely.intersection(wider, _GLOBE) if self._crs.is_geographic else wider

    def _united(self, globe: BaseGeometry) -> BaseGeometry | None:
        """Return the parts of an outline in degrees, each by itself in the area's CRS, as one."""
        parts = []
        for part in shapely.get_parts(globe):
            west, south, east, north = part.bounds
            fine = shapely.segmentize(part, max(east - west, north - south) / _STEPS)
            lon, lat = shapely.get_coordinates(fine.exterior).T
            # GDAL puts both -180 and 180 to one end of a world, the eastern one.
            lon = np.clip(lon, -180.0 + _INSIDE_DEG, 180.0 - _INSIDE_DEG)
            parts.append(_polygon(*to_crs(self._degrees, self._crs, lon, lat)))
        return None if None in parts else shapely.MultiPolygon(parts)

    def _widened(self, parts: NDArray[Any]) -> BaseGeometry:
        sizes = [(east - west, north - south) for west, south, east, north in shapely.bounds(parts)]
        size = max(sum(width for width, _ in sizes), *(height for _, height in sizes))
        pad = max(self._cells.resolution, _PAD_SHARE * size, self._datum_pad)
        return shapely.union_all(shapely.buffer(shapely.make_valid(parts), pad))

    def _parsed(self, text: str) -> CRS:
        if text not in self._known:
            try:
                self._known[text] = CRS.from_user_input(text)
            except CRSError:
                self._known[text] = None
        crs = self._known[text]
        if crs is None:
            raise _RefusedError("its coordinate reference system is not known to GDAL")
        return crs


def _polygon(x: Floats, y: Floats) -> BaseGeometry | None:
    return shapely.Polygon(np.column_stack([x, y])) if np.isfinite([x, y]).all() else None


def _ring(height_px: int, width_px: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    way = np.linspace(0.0, 1.0, _STEPS, endpoint=False)
    zeros, ones = np.zeros(_STEPS), np.ones(_STEPS)
    cols = np.concatenate([way, ones, 1 - way, zeros]) * width_px
    rows = np.concatenate([zeros, way, ones, 1 - way]) * height_px
    return cols, rows


def _area_of_use(crs_wkt: str) -> BaseGeometry | None:
    crs = pyproj.CRS.from_wkt(crs_wkt)
    # GDAL's WKT has lost it; the authority's own has it.
    authority = crs.to_authority(min_confidence=100)
    use = (pyproj.CRS.from_authority(*authority) if authority else crs).area_of_use
    if use is None:
        return None
    east = use.east + 360.0 if use.east < use.west else use.east
    return shapely.box(use.west - _NEAR_DEG, use.south - _NEAR_DEG, east + _NEAR_DEG, use.north + _NEAR_DEG)


def _shares(use: BaseGeometry, globe: BaseGeometry) -> bool:
    return any(use.intersects(translate(globe, xoff=turn)) for turn in (-360.0, 0.0, 360.0))
