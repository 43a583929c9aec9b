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
_LEAST_POINTS = 4
"""Of a closed ring that is not a line: the first one counts again at the end."""


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

    One that would lose or gain more than a tenth of its area stays as it is, and so does a ring that would
    become a line. The few whose rings would cross are simplified by the way that keeps topology, which takes
    fifteen times as long.
    """
    if not tolerance_px or not len(polygons):
        return polygons
    found = _of_fewer_points(polygons, tolerance_px)
    is_good = shapely.is_valid(found)
    crossing = np.flatnonzero(~is_good)
    found[crossing] = _of_fewer_points(polygons[crossing], tolerance_px, keeps_topology=True)
    is_good[crossing] = shapely.is_valid(found[crossing])
    areas, before = shapely.area(found), shapely.area(polygons)
    is_good &= np.abs(areas - before) <= _MOST_CHANGE * before
    return np.where(is_good, found, polygons)


def _of_fewer_points(polygons: Shapes, tolerance_px: float, *, keeps_topology: bool = False) -> Shapes:
    """Return polygons (n) of simplified rings, which may cross, if each is to know nothing of the others.

    Rings go as lines, because GEOS drops the first point of a ring, and moves the outline there further than
    the tolerance says.
    """
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    lines = shapely.linestrings(points, indices=ring)
    if keeps_topology:
        together = shapely.multilinestrings(lines, indices=polygon)
        lines = shapely.get_parts(shapely.simplify(together, tolerance_px))
    else:
        lines = shapely.simplify(lines, tolerance_px, preserve_topology=False)
    is_lost = shapely.get_num_coordinates(lines) < _LEAST_POINTS
    lines[is_lost] = rings[is_lost]
    points, ring = shapely.get_coordinates(lines, return_index=True)
    found: Shapes = shapely.polygons(shapely.linearrings(points, indices=ring), indices=polygon)
    return found


def placed(polygons: Shapes, transform: Transform) -> Shapes:
    """Return polygons of pixels in the CRS of their mosaic, outer rings counter-clockwise."""
    t, points = transform, shapely.get_coordinates(polygons)
    col, row = points[:, 0], points[:, 1]
    moved = np.stack([t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f], axis=1)
    found: Shapes = shapely.set_coordinates(polygons.copy(), moved + 0.0)  # no zero has a sign
    return found if t.a * t.e > t.b * t.d else shapely.reverse(found)
