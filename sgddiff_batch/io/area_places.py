"""Places: where the pixels of one grid lie on another, by GDAL's own transformations.

Not by pyproj: its PROJ may choose another way between two datums than the one that GDAL warps by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.window import Window

Floats = NDArray[np.float64]

_STEP_PX = 32
"""Between points of this distance the way from one grid to another is close to straight."""
_BULGE_SHARE = 0.02
"""How much farther than its points a window may reach, as a share of its size."""
_MARGIN_PX = 3


def to_crs(source: CRS, target: CRS, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return points in another CRS, infinite where they have no place there."""
    if source == target:
        return x, y
    try:
        moved = transform(source, target, x.tolist(), y.tolist())
        return np.asarray(moved[0], dtype=np.float64), np.asarray(moved[1], dtype=np.float64)
    except (CPLE_BaseError, RasterioError):
        # One bad point spoils the call.
        pairs = [_one(source, target, a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


def _one(source: CRS, target: CRS, x: float, y: float) -> tuple[float, float]:
    try:
        (moved_x,), (moved_y,) = transform(source, target, [x], [y])
    except (CPLE_BaseError, RasterioError):
        return np.inf, np.inf
    return moved_x, moved_y


def needed_window(target: Grid, part: Window, source: Grid, reach_px: float) -> Window | None:
    """Return the pixels of ``source`` that decide a part of ``target``, None where it has none of them.

    reach_px: how far from its place, in pixels of ``source``, a resampled pixel looks.
    """
    rows, cols = _points(part)
    t = target.transform
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    crs = CRS.from_wkt(source.crs_wkt)
    x, y = to_crs(CRS.from_wkt(target.crs_wkt), crs, x, y)
    there = np.isfinite(x) & np.isfinite(y)
    if not there.any():
        return None
    x, y = x[there], y[there]
    if crs.is_geographic:
        west, _, east, _ = source.bbox
        x = x + 360.0 * np.round(((west + east) / 2 - x) / 360.0)
    s = source.transform
    determinant = s.a * s.e - s.b * s.d
    col = (s.e * (x - s.c) - s.b * (y - s.f)) / determinant
    row = (s.a * (y - s.f) - s.d * (x - s.c)) / determinant
    row_range = _clipped(row, reach_px, source.height_px)
    col_range = _clipped(col, reach_px, source.width_px)
    return Window(*row_range, *col_range) if row_range and col_range else None


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
    t, row, col = source.transform, source.height_px / 2, source.width_px / 2
    cols, rows = np.array([col, col + 1, col]), np.array([row, row, row + 1])
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    x, y = to_crs(CRS.from_wkt(source.crs_wkt), CRS.from_wkt(target_crs_wkt), x, y)
    area: Any = abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))
    return float(np.sqrt(area)) if np.isfinite(area) else float("nan")
