"""Places in another CRS, by GDAL's own transformations.

Not by pyproj: its PROJ may choose another way between two datums than the one that GDAL warps by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform

Floats = NDArray[np.float64]


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
