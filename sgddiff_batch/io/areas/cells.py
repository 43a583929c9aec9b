"""The cells that a scene touches: from its grid where that is simple, else from its outline on the globe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from sgddiff_batch.core.cells import Cell, CellGrid
from sgddiff_batch.core.grid import Transform
from sgddiff_batch.io.areas.maps import PIECE_DEG, AreaMap
from sgddiff_batch.io.areas.worlds import World, area_of_use, world_of
from sgddiff_batch.io.geodesy import Floats, to_crs

MOST_CELLS = 100_000
"""A scene that touches more cells than this is not cut into sensible ones."""
_STEPS = 16
"""Parts of an edge: a straight edge of one CRS is a curve in another."""
_PAD_SHARE = 5e-4
"""By so much of its size an outline in another CRS is widened: it is a polygon, and the true one is not."""
_OUTLINE_SHARE = 1.5e-4
"""By so much of its size the outline of the catalogue may be off, and it is drawn in small pieces."""
_NEAR_DEG = 6.0
"""So far beyond the area of use of its CRS a scene may lie: one UTM zone."""
_DATUM_DEG = 0.02
"""By so much outlines are widened where degrees are not those of WGS 84: no datum is farther off."""
_MOST_KEPT = 4096
_GLOBE = shapely.box(-180.0, -90.0, 180.0, 90.0)


class RefusedError(Exception):
    """Why no area mosaic is made of a scene."""


class Placing:
    """FoundScenes the cells that scenes touch."""

    def __init__(self, cells: CellGrid) -> None:
        self._cells, self._crs = cells, CRS.from_wkt(cells.crs_wkt)
        self._use = area_of_use(cells.crs_wkt, _NEAR_DEG)
        self._world = world_of(cells.crs_wkt)
        self._map = AreaMap(cells.crs_wkt, self._use)
        other = self._crs.is_geographic and self._crs != CRS.from_epsg(4326)
        self._datum_pad = _DATUM_DEG if other else 0.0
        self._known: dict[str, CRS | None] = {}
        self._found: dict[tuple[Any, ...], list[Cell]] = {}

    def cells(self, row: Mapping[str, Any]) -> list[Cell]:
        """Return the cells that the scene of a row of the archive catalogue touches.

        Raises:
            RefusedError: if it has no place on the area, or touches too many.
        """
        text = row["proj:code"] or row["proj:wkt2"]
        if text is None:
            raise RefusedError("it has no coordinate reference system")
        # Scenes of one grid are many where an archive has it whole each day.
        key = text, tuple(row["proj:shape"]), tuple(row["proj:transform"]), row["geometry"]
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            found = self._found[key] = self._touched(row, text)
        return found

    def _touched(self, row: Mapping[str, Any], text: str) -> list[Cell]:
        globe = None if row["geometry"] is None else shapely.from_wkb(row["geometry"])
        if globe is not None and self._use is not None and not _shares(self._use, globe):
            raise RefusedError("it lies more than 6 degrees outside of the area of use of the area's CRS")
        outline = self._outline(row, text, globe)
        # Each part by its own box: those of a scene across 180 degrees lie at both ends of the world.
        parts = [part.bounds for part in shapely.get_parts(outline) if not part.is_empty]
        if sum(map(self._cells.count_in, parts)) > MOST_CELLS:
            raise RefusedError(f"it touches more than {MOST_CELLS} cells: take larger ones")
        found = sorted({cell for box in parts for cell in self._cells.cells_in(box)})
        boxes = shapely.box(*np.array([self._cells.box(cell) for cell in found]).T)
        least = (1e-3 * self._cells.resolution) ** 2
        shared = shapely.area(shapely.intersection(outline, boxes)) > least
        return [cell for cell, touches in zip(found, shared, strict=True) if touches]

    def _outline(self, row: Mapping[str, Any], text: str, globe: BaseGeometry | None) -> BaseGeometry:
        """Return the outline of a scene in the area's CRS."""
        crs = self._parsed(text)
        height_px, width_px = row["proj:shape"]
        x, y = _ring(height_px, width_px, Transform(*row["proj:transform"]))
        if crs == self._crs and not crs.is_geographic and not self._leaves_the_world(x):
            return shapely.Polygon(np.column_stack([x, y]))
        parts: Sequence[BaseGeometry]
        if self._crs.is_geographic:
            # What crosses the antimeridian is in two parts there already.
            parts = [] if globe is None else list(shapely.get_parts(globe))
        elif globe is not None and self._map.is_torn(globe):
            parts = self._map.parts(globe)
        else:
            x, y = to_crs(crs, self._crs, x, y)
            parts = [shapely.Polygon(np.column_stack([x, y]))] if np.isfinite([x, y]).all() else []
        if not parts:
            raise RefusedError("its outline cannot be drawn in the area's CRS")
        wider = self._widened(np.array(parts), globe)
        if self._crs.is_geographic:
            return shapely.intersection(wider, _GLOBE)
        return wider if self._world is None else shapely.intersection(wider, _columns_of(self._world, wider))

    def _leaves_the_world(self, x: Floats) -> bool:
        return self._world is not None and self._world.is_left_by(float(x.min()), float(x.max()))

    def _widened(self, parts: NDArray[Any], globe: BaseGeometry | None) -> BaseGeometry:
        sizes = [max(east - west, north - south) for west, south, east, north in shapely.bounds(parts)]
        west, south, east, north = (0.0,) * 4 if globe is None or self._crs.is_geographic else globe.bounds
        pieces = max(east - west, north - south) / PIECE_DEG
        share = max(_PAD_SHARE, _OUTLINE_SHARE * pieces)
        pad = max(self._cells.resolution, share * max(sizes), self._datum_pad)
        return shapely.union_all(shapely.buffer(shapely.make_valid(parts), pad))

    def _parsed(self, text: str) -> CRS:
        if text not in self._known:
            try:
                self._known[text] = CRS.from_user_input(text)
            except CRSError:
                self._known[text] = None
        crs = self._known[text]
        if crs is None:
            raise RefusedError("its coordinate reference system is not known to GDAL")
        return crs


def _columns_of(world: World, shape: BaseGeometry) -> BaseGeometry:
    _, low, _, high = shape.bounds
    return shapely.box(world.west, low, world.west + world.turn, high)


def _ring(height_px: int, width_px: int, t: Transform) -> tuple[Floats, Floats]:
    way = np.linspace(0.0, 1.0, _STEPS, endpoint=False)
    zeros, ones = np.zeros(_STEPS), np.ones(_STEPS)
    cols = np.concatenate([way, ones, 1 - way, zeros]) * width_px
    rows = np.concatenate([zeros, way, ones, 1 - way]) * height_px
    return t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f


def _shares(use: BaseGeometry, globe: BaseGeometry) -> bool:
    return any(use.intersects(translate(globe, xoff=turn)) for turn in (-360.0, 0.0, 360.0))
