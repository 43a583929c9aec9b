"""Overlaps: which outlines on the globe share an area, and which lie where a scene has data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely

from sgddiff_batch.core.components import Ints
from sgddiff_batch.core.object_ids import Overlaps
from sgddiff_batch.io.geodesy import Floats, Shapes

_TOGETHER = 65_536
_THREADS = 2
"""GEOS lets go of the interpreter; more do not help where two cores are stated."""


def overlaps_of(shapes: Shapes, scene_start: Ints) -> Overlaps:
    """Return all overlaps of outlines with those that were there before their scene.

    shapes: (n) in degrees, None where there is none: first those of known objects, then those of new scenes,
    which begin at ``scene_start`` (s + 1). Areas are of degrees: shares are the same on the ground.
    """
    tree = shapely.STRtree(shapes)
    first = int(scene_start[0])
    later, earlier = tree.query(shapes[first:])
    later = later + first
    scene = np.searchsorted(scene_start, np.arange(len(shapes)), side="right")
    is_before = scene[earlier] < scene[later]
    earlier, later = earlier[is_before].astype(np.int64), later[is_before].astype(np.int64)
    areas = shapely.area(shapes)
    shared = _shared(shapes, earlier, later)
    there = shared > 0
    earlier, later, shared = earlier[there], later[there], shared[there]
    one, other = areas[earlier], areas[later]
    return Overlaps(earlier, later, shared / (one + other - shared), shared / one, shared / other)


def _shared(shapes: Shapes, earlier: Ints, later: Ints) -> Floats:
    """Return the areas that pairs of outlines share."""

    def areas(start: int) -> Floats:
        part = slice(start, start + _TOGETHER)
        one, other = shapes[earlier[part]], shapes[later[part]]
        try:
            found: Floats = shapely.area(shapely.intersection(one, other))
        except shapely.errors.GEOSException:
            found = shapely.area(shapely.intersection(shapely.make_valid(one), shapely.make_valid(other)))
        return found

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="overlaps") as pool:
        parts = list(pool.map(areas, range(0, len(earlier), _TOGETHER)))
    return np.concatenate([np.zeros(0), *parts])


def covered_by(shapes: Shapes, valid: Shapes) -> tuple[Ints, Ints]:
    """Return the pairs of an outline (n) and of what a scene (s) has data in, all of which it lies in."""
    scene, node = shapely.STRtree(shapes).query(valid, predicate="covers")
    return node.astype(np.int64), scene.astype(np.int64)
