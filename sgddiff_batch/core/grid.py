"""Grid: where the pixels of a mosaic lie on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.window import Window


@dataclass(frozen=True, slots=True)
class Transform:
    """Affine map from (column, row) pixel corners to CRS coordinates, in rasterio's order.

    x = a * col + b * row + c, y = d * col + e * row + f, in units of the CRS.
    """

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.coefficients).all() or self.a * self.e == self.b * self.d:
            raise ValueError(f"a transform must be finite and invertible, got {self.coefficients}")

    @property
    def coefficients(self) -> tuple[float, float, float, float, float, float]:
        """(a, b, c, d, e, f): rasterio's order, that of ``spatial:transform``."""
        return (self.a, self.b, self.c, self.d, self.e, self.f)

    @property
    def geotransform(self) -> str:
        """GDAL's GeoTransform (c, a, b, f, d, e), space separated."""
        return " ".join(repr(float(v)) for v in (self.c, self.a, self.b, self.f, self.d, self.e))

    @property
    def is_axis_aligned(self) -> bool:
        """Whether rows and columns run along the CRS axes, so that 1-D coordinates describe the grid."""
        return self.b == 0 and self.d == 0

    def apply(self, col: float, row: float) -> tuple[float, float]:
        """Return the CRS coordinates (x, y) of a pixel-frame position; (0, 0) is the first pixel's corner."""
        return self.a * col + self.b * row + self.c, self.d * col + self.e * row + self.f

    def scaled(self, factor: int) -> Transform:
        """Return the transform of the same corner with pixels ``factor`` times as large."""
        return Transform(self.a * factor, self.b * factor, self.c, self.d * factor, self.e * factor, self.f)


IDENTITY = Transform(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Pixel coordinates: the transform of a scene that has none."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The raster that a mosaic is drawn on. ``crs_wkt`` is None for pixel coordinates.

    Raises:
        ValueError: if a side is shorter than one pixel.
    """

    height_px: int
    width_px: int
    transform: Transform = IDENTITY
    crs_wkt: str | None = None

    def __post_init__(self) -> None:
        if self.height_px < 1 or self.width_px < 1:
            raise ValueError(f"a grid needs at least one pixel, got {self.height_px} x {self.width_px}")

    @property
    def window(self) -> Window:
        """The whole grid."""
        return Window(0, self.height_px, 0, self.width_px)

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax) of the four corners, in units of the CRS."""
        w, h = self.width_px, self.height_px
        xs, ys = zip(*(self.transform.apply(c, r) for c, r in ((0, 0), (w, 0), (0, h), (w, h))), strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def level(self, number: int) -> Grid:
        """Return pyramid level ``number``: each halves the last one's shape, rounded up."""
        factor = 2**number
        height, width = -(-self.height_px // factor), -(-self.width_px // factor)
        return Grid(height, width, self.transform.scaled(factor), self.crs_wkt)

    def x_centres(self) -> NDArray[np.float64]:
        """CRS x of the pixel centres of an axis-aligned grid, (width,)."""
        return self.transform.c + (np.arange(self.width_px, dtype=np.float64) + 0.5) * self.transform.a

    def y_centres(self) -> NDArray[np.float64]:
        """CRS y of the pixel centres of an axis-aligned grid, (height,)."""
        return self.transform.f + (np.arange(self.height_px, dtype=np.float64) + 0.5) * self.transform.e
