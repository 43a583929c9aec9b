"""Polygons of regions, in pixels of the mosaic: exact ones, and ones with fewer points."""

from __future__ import annotations

import numpy as np
import shapely

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.core.outlines import rings_of
from sgddiff_batch.core.regions import Regions
from sgddiff_batch.io.geodesy import Shapes

_MOST_CHANGE = 0.1
"""The share of its area that an outline may lose or gain: what is hardly larger than the tolerance stays."""


def polygons_of(regions: Regions) -> Shapes:
    """Return the polygons (n) of whole regions: edges of pixels, x the column and y the row."""
    rings = rings_of(regions.corners)
    points = np.stack([rings.col, rings.row], axis=1).astype(np.float64)
    owner = np.repeat(np.arange(len(rings.region)), np.diff(rings.start))
    lines = shapely.linearrings(points, indices=owner)
    found: Shapes = shapely.polygons(lines, indices=rings.region)
    return found


def simplified(polygons: Shapes, tolerance_px: float) -> Shapes:
    """Return polygons (n) whose outlines are at most so far from the given ones, and valid.

    One that would lose or gain more than a tenth of its area stays as it is.
    """
    if not tolerance_px or not len(polygons):
        return polygons
    found = shapely.simplify(polygons, tolerance_px)
    areas, before = shapely.area(found), shapely.area(polygons)
    is_close = np.abs(areas - before) <= _MOST_CHANGE * before
    is_good = is_close & shapely.is_valid(found) & (shapely.get_type_id(found) == 3)
    return np.where(is_good, found, polygons)


def placed(polygons: Shapes, transform: Transform) -> Shapes:
    """Return polygons of pixels in the CRS of their mosaic, outer rings counter-clockwise."""
    t, points = transform, shapely.get_coordinates(polygons)
    col, row = points[:, 0], points[:, 1]
    moved = np.stack([t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f], axis=1)
    found: Shapes = shapely.set_coordinates(polygons.copy(), moved + 0.0)  # no zero has a sign
    return found if t.a * t.e > t.b * t.d else shapely.reverse(found)
