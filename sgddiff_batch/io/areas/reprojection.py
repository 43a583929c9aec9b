"""Places: where the pixels of one grid lie on another."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.areas.worlds import world_of
from sgddiff_batch.io.geodesy import Floats, to_crs

_STEP_PX = 32
"""Between points of this distance the way from one grid to another is close to straight."""
_BULGE_SHARE = 0.02
"""How much farther than its points a window may reach, as a share of its size."""
_MARGIN_PX = 3
_POLE_DEG = 90.0
_TORN = 4.0
"""A pixel that is so much larger than another one of its grid lies across the end of the map."""


def needed_window(
    target: Grid, part: Window, source: Grid, reach_px: float
) -> tuple[Window, tuple[float, ...]] | None:
    """Return the pixels of ``source`` that decide a part of ``target``, None where it has none of them.

    With them, how far to the east, a whole number of turns of the globe, the source has to be moved to lie
    where GDAL looks for its pixels: often nowhere, (0.0,), and in more than one way if both ends are seen.

    reach_px: how far from its place, in pixels of ``source``, a resampled pixel looks.
    """
    rows, cols = _points(part)
    t = target.transform
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    crs, target_crs = CRS.from_wkt(source.crs_wkt), CRS.from_wkt(target.crs_wkt)
    if target_crs.is_geographic:
        # A cell may reach past a pole, whose place still counts.
        y = np.clip(y, -_POLE_DEG, _POLE_DEG)
    x, y = to_crs(target_crs, crs, x, y)
    there = np.isfinite(x) & np.isfinite(y)
    if not there.any():
        return None
    x, y = x[there], y[there]
    world = world_of(str(source.crs_wkt))
    turns, is_round = np.zeros(1), False
    if world is not None:
        west, _, east, _ = source.bbox
        turns = np.round(((west + east) / 2 - x) / world.turn) * world.turn
        x = x + turns
        is_round = float(np.ptp(x)) > world.turn / 2
    s = source.transform
    determinant = s.a * s.e - s.b * s.d
    col = (s.e * (x - s.c) - s.b * (y - s.f)) / determinant
    row = (s.a * (y - s.f) - s.d * (x - s.c)) / determinant
    row_range = _clipped(row, reach_px, source.height_px)
    # Where the part lies across the ends of a whole turn, what is between its points and these counts.
    col_range = (0, source.width_px) if is_round else _clipped(col, reach_px, source.width_px)
    if row_range is None or col_range is None:
        return None
    return Window(*row_range, *col_range), tuple((0.0 - np.unique(turns)).tolist())


def _points(part: Window) -> tuple[Floats, Floats]:
    rows = np.linspace(part.row_start, part.row_stop, 2 + part.height_px // _STEP_PX)
    cols = np.linspace(part.col_start, part.col_stop, 2 + part.width_px // _STEP_PX)
    grid_rows, grid_cols = np.meshgrid(rows, cols, indexing="ij")
    return grid_rows.ravel(), grid_cols.ravel()


def _clipped(places: Floats, reach_px: float, length_px: int) -> tuple[int, int] | None:
    low, high = float(places.min()), float(places.max())
    margin = reach_px + _MARGIN_PX + _BULGE_SHARE * (high - low)
    start, stop = max(0.0, np.floor(low - margin)), min(float(length_px), np.ceil(high + margin))
    return (int(start), int(stop)) if start < stop else None


def source_resolution(source: Grid, target_crs_wkt: str) -> float:
    """Return the side of a pixel in the middle of a grid, in units of another CRS; NaN where it has no place.

    The geometric mean of both directions.
    """
    middle, other = (_side(source, target_crs_wkt, share) for share in (1 / 2, 1 / 4))
    return other if not middle <= _TORN * other and np.isfinite(other) else middle


def _side(source: Grid, target_crs_wkt: str, share: float) -> float:
    t, row, col = source.transform, source.height_px * share, source.width_px * share
    cols, rows = np.array([col, col + 1, col]), np.array([row, row, row + 1])
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    x, y = to_crs(CRS.from_wkt(source.crs_wkt), CRS.from_wkt(target_crs_wkt), x, y)
    with np.errstate(invalid="ignore"):  # what is not finite has no place
        area: Any = abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))
    return float(np.sqrt(area)) if np.isfinite(area) else float("nan")
