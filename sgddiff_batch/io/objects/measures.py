"""Measures of objects: where they are, how large, and which way they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from sgddiff_batch.core.grid import Transform
from sgddiff_batch.core.regions import Regions
from sgddiff_batch.io.geodesy import Floats, Ground, Shapes

_LONGEST_EDGE_PX = 256.0
"""Longer edges get points in between before they are drawn on the globe, where they are curves."""
_SAME_DEG = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Measures (n) of objects; NaN, of shapes None, where there is none.

    ``x``, ``y``: the centre of the pixels in the CRS; ``lon``, ``lat`` in degrees. ``length_m`` and
    ``width_m`` are the sides of the least rectangle around, ``angle_deg`` [0, 180) the way of its longer one,
    clockwise from y. ``on_globe`` are the outlines in degrees, cut at the antimeridian.
    """

    x: Floats
    y: Floats
    lon: Floats
    lat: Floats
    area_m2: Floats
    length_m: Floats
    width_m: Floats
    angle_deg: Floats
    on_globe: Shapes


def measured(
    regions: Regions, transform: Transform, exact: Shapes, outlines: Shapes, ground: Ground | None
) -> Measures:
    """Return the measures of regions.

    exact, outlines: (n) their polygons in the CRS: pixels' edges, and those that are published. ground: None
    where the mosaic has no CRS: then there is nothing in metres, and nothing on the globe.
    """
    x, y = _centres(regions, transform)
    if ground is None:
        nothing = np.full(len(regions), np.nan)
        nowhere = np.full(len(regions), None, dtype=object)
        return Measures(x, y, nothing, nothing, nothing, nothing, nothing, nothing, nowhere)
    lon, lat = ground.places(x, y)
    pixel = abs(transform.a * transform.e - transform.b * transform.d)
    unit_m = ground.unit_m
    flat: Floats = regions.sums["pixels"].astype(np.float64) * (pixel * (unit_m or 0.0) ** 2)
    area_m2 = ground.areas_m2(exact) if unit_m is None else flat
    boxes = _boxes(ground.in_metres(exact, lon, lat))
    longest = _LONGEST_EDGE_PX * float(np.hypot(transform.a, transform.d))
    return Measures(x, y, lon, lat, area_m2, *boxes, ground.on_globe(outlines, longest))


def _centres(regions: Regions, t: Transform) -> tuple[Floats, Floats]:
    """Return the means of the pixels' centres, in the CRS."""
    twice = 2.0 * regions.sums["pixels"]
    col, row = regions.sums["col_sum"] / twice, regions.sums["row_sum"] / twice
    return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f


def _boxes(polygons: Shapes) -> tuple[Floats, Floats, Floats]:
    """Return length, width and angle of the least rectangles around polygons in metres."""
    length, width, angle = (np.full(len(polygons), np.nan) for _ in range(3))
    boxes = shapely.oriented_envelope(polygons)
    there = np.flatnonzero(shapely.get_type_id(boxes) == 3)
    corners = shapely.get_coordinates(boxes[there]).reshape(-1, 5, 2)
    sides = np.diff(corners, axis=1)[:, :2]
    sizes = np.hypot(sides[..., 0], sides[..., 1])
    longer = np.argmax(sizes, axis=1)
    along = sides[np.arange(len(there)), longer]
    length[there], width[there] = sizes.max(axis=1), sizes.min(axis=1)
    turned = np.degrees(np.arctan2(along[:, 0], along[:, 1])) % 180.0
    angle[there] = np.where(turned > 180.0 - _SAME_DEG, 0.0, turned)
    return length, width, angle
