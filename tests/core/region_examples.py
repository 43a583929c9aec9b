"""Regions to test with: masks, what a join of blocks makes of them, and what GDAL does."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.features import shapes
from shapely.geometry import shape

from sgddiff_batch.core.outlines import Rings, rings_of
from sgddiff_batch.core.region_join import RegionJoin, joined
from sgddiff_batch.core.regions import Regions, block_regions
from sgddiff_batch.core.window import Window

SPIRAL = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 0, 1],
        [1, 0, 0, 0, 1, 0, 1],
        [1, 0, 1, 1, 1, 0, 1],
        [1, 0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 1, 1],
    ],
    np.uint8,
)
RINGS = np.pad(np.pad(np.ones((1, 1), np.uint8), 1), 1, constant_values=1)
"""A pixel in the hole of a ring."""
MASKS = {
    "nothing": np.zeros((5, 6), np.uint8),
    "everything": np.ones((5, 6), np.uint8),
    "one pixel": np.ones((1, 1), np.uint8),
    "a checkerboard": np.indices((7, 6)).sum(axis=0).astype(np.uint8) % 2,
    "a spiral": SPIRAL,
    "rings in rings": np.pad(np.pad(RINGS, 1), 1, constant_values=1),
    "a loop that closes in a point": np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], np.uint8),
    "a comb": np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], np.uint8),
}


@st.composite
def code_pictures(draw: st.DrawFn, most_px: int = 16) -> np.ndarray:
    """Draw codes of a few kinds, so that there are regions of every form: (h, w) uint8."""
    side = st.integers(1, most_px)
    kinds = st.sampled_from([0, 40, 60, 200, 254, 255])
    return draw(arrays.arrays(np.uint8, st.tuples(side, side), elements=kinds))


def regions_by_blocks(codes: np.ndarray, block_px: int, low: int, high: int) -> Regions:
    """Return the regions of codes that are looked at block by block."""
    height, width = codes.shape
    join = RegionJoin(height, width, high)
    windows = Window(0, height, 0, width).split(block_px)
    parts = [join.add(block_regions(codes[window.slices], window, low)) for window in windows]
    assert join.open_regions == 0
    return joined(parts)


def polygons_of(rings: Rings) -> list[shapely.Polygon]:
    points = np.stack([rings.col, rings.row], axis=1).astype(float)
    lines = np.split(points, rings.start[1:-1]) if len(rings.region) else []
    return [
        shapely.Polygon(mine[0], mine[1:])
        for region in np.unique(rings.region).tolist()
        if (mine := [line for line, owner in zip(lines, rings.region, strict=True) if owner == region])
    ]


def polygons_by_blocks(codes: np.ndarray, block_px: int, low: int, high: int) -> list[shapely.Polygon]:
    return polygons_of(rings_of(regions_by_blocks(codes, block_px, low, high).corners))


def polygons_by_gdal(mask: np.ndarray) -> list[shapely.Polygon]:
    found = shapes(mask.astype(np.uint8), mask=mask.astype(bool), connectivity=4)
    return [shape(geometry) for geometry, _ in found]


def normal(polygons: list[shapely.Polygon]) -> list[str]:
    return sorted(shapely.to_wkt(shapely.normalize(polygon)) for polygon in polygons)
