"""Two dates of a place in different CRSs: on each side of the line the codes of its own mosaic, in place."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.crs import CRS

from sgddiff_batch.core.grid import Grid, Transform
from tests.viewer.page.examples import (
    TALL,
    WIDE,
    codes_in_squares,
    go,
    on_a_map,
    seen,
    show,
    words_of,
)

CENTRE = 502_115.0, 5_798_535.0
"""Of all of them, in metres of UTM zone 33."""
KINDS = {
    "UTM 33": ("EPSG:32633", 10.0),
    "the next zone": ("EPSG:32632", 10.0),
    "web mercator": ("EPSG:3857", 16.4),
    "degrees": ("EPSG:4326", 0.0001),
    "feet": ("+proj=tmerc +lon_0=14 +k=0.9996 +x_0=500000 +datum=WGS84 +units=us-ft", 32.8),
}
"""CRSs, and the side of a pixel in their units."""
SIDE_PX = 17
"""A square of one code: on no coarser level it ends where its pixels do."""


def grid_of(crs: str, pixel: float) -> Grid:
    """Return a grid around CENTRE whose rows and columns lie along the axes of a CRS."""
    x, y = Transformer.from_crs(32633, crs, always_xy=True).transform(*CENTRE)
    transform = Transform(pixel, 0, x - WIDE / 2 * pixel, 0, -pixel, y + TALL / 2 * pixel)
    return Grid(TALL, WIDE, transform, str(CRS.from_user_input(crs).to_wkt()))


GRIDS = {name: grid_of(*kind) for name, kind in KINDS.items()}
CODES = {name: codes_in_squares(grid, seed, SIDE_PX) for seed, (name, grid) in enumerate(GRIDS.items())}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swipe") / "out"
    return folder, show(folder, {name: (grid, CODES[name]) for name, grid in GRIDS.items()})


@pytest.fixture(scope="module")
def one(browser, stores):
    with on_a_map(browser, stores[0], (760, 560)) as opened:
        yield opened


def wanted(name, below, shape):
    """Return the codes (h, w) of a mosaic at each pixel of a screen on which that below lies pixel by pixel.

    Its middle is that of the screen.
    """
    height, width = shape
    to, at = GRIDS[below].transform, GRIDS[name].transform
    cols, rows = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    x, y = to.apply(cols + WIDE // 2, rows + TALL // 2)
    x, y = Transformer.from_crs(KINDS[below][0], KINDS[name][0], always_xy=True).transform(x, y)
    a, _, left, _, e, top = at.coefficients
    col, row = (np.floor(place).astype(int) for place in ((x - left) / a, (y - top) / e))
    inside = (row >= 0) & (col >= 0) & (row < TALL) & (col < WIDE)
    found = np.full(shape, -1, np.int16)
    found[inside] = CODES[name][row[inside], col[inside]]
    return np.where(found == 255, -1, found)


@pytest.mark.parametrize(
    ("below", "other"),
    [
        ("UTM 33", "degrees"),
        ("degrees", "UTM 33"),
        ("web mercator", "the next zone"),
        ("feet", "web mercator"),
        ("UTM 33", "feet"),
    ],
)
def test_each_side_shows_its_own_mosaic_where_it_belongs(one, stores, below, other):
    link = {"mosaic": stores[1][below], "with": stores[1][other], "swipe": "dates"}
    go(one, words_of(**link, view=f"{WIDE // 2},{TALL // 2},1"))
    codes = seen(one).codes
    width = codes.shape[1]
    left, right = (slice(None), slice(0, width // 2 - 2)), (slice(None), slice(width // 2 + 2, None))
    np.testing.assert_array_equal(codes[left], wanted(below, below, codes.shape)[left])
    there = wanted(other, below, codes.shape)
    is_off = np.abs(codes - there)[right] > 1
    assert is_off.mean() < 0.05, "half a pixel aside the edges of the squares alone would be 6 %"
    assert (codes[right] >= 0).mean() > 0.3
