"""Codes lie where they belong, at every level of every kind of grid: read from what a browser shows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pyproj import Transformer

from sgddiff_batch.core.grid import Transform
from tests.io.mosaic_examples import stored_codes
from tests.viewer.page.examples import GRIDS, facts, go, seen, size_of, words_of

LEVELS = 4
ON_ITS_PIXELS = ("oblong pixels", "no CRS")
"""Grids that are shown pixel by pixel as they are: squares that their CRS does not have, or no CRS at all."""


def pixels_at(name, centre, scale, height, width):
    """Return rows and columns, as fractions, of the middles of all pixels of the screen, by the ground alone.

    One of its pixels is ``scale`` pixels of the mosaic wide, and north is up.
    """
    transform = GRIDS[name].transform
    right, down = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    if name in ON_ITS_PIXELS:
        return centre[1] + down * scale, centre[0] + right * scale
    a, b, _, d, e, _ = transform.coefficients
    step = np.sqrt(abs(a * e - b * d)) * scale
    x, y = transform.apply(*centre)
    col, row = inverse(transform, x + right * step, y - down * step)
    return row, col


def inverse(transform: Transform, x, y):
    a, b, c, d, e, f = transform.coefficients
    det = a * e - b * d
    return (e * (x - c) - b * (y - f)) / det, (a * (y - f) - d * (x - c)) / det


def expected(codes, row, col, level):
    """Return the code of a level at each place, -1 where there is none."""
    down, across = (np.floor(at / 2**level).astype(int) for at in (row, col))
    inside = (down >= 0) & (across >= 0) & (down < codes.shape[0]) & (across < codes.shape[1])
    found = np.full(row.shape, -1, np.int16)
    found[inside] = codes[down[inside], across[inside]]
    return np.where(found == 255, -1, found)


@pytest.mark.parametrize("name", GRIDS)
def test_every_code_is_within_half_a_pixel_of_its_place_at_every_level(page, grids, name):
    output, stores = grids
    height, width = size_of(page)
    assert height % 2 == width % 2 == 0, "else the middle of the map is the middle of a pixel"
    for level in range(LEVELS):
        codes, scale = stored_codes(f"{output}/{stores[name]}", level), 2**level
        centre = [round(side / 2 / scale) * scale for side in (GRIDS[name].width_px, GRIDS[name].height_px)]
        go(page, words_of(mosaic=stores[name], view=f"{centre[0]},{centre[1]},{scale}"))
        shown = seen(page).codes
        check = fits_best if name == "rotated" else is_exact
        check(shown, codes, pixels_at(name, centre, scale, height, width), level)


def is_exact(shown, codes, places, level):
    wanted = expected(codes, *places, level)
    assert (wanted >= 0).sum() > 0.5 * min(codes.size, shown.size)
    np.testing.assert_array_equal(shown, wanted)


def fits_best(shown, codes, places, level):
    """A turned picture is smoothed by the browser: of all shifts none farther than half a pixel fits best."""
    row, col = places
    errors = {}
    for down, across in itertools.product((-1, -0.5, 0, 0.5, 1), repeat=2):
        wanted = expected(codes, row + down * 2**level, col + across * 2**level, level)
        both = (shown >= 0) & (wanted >= 0)
        assert both.sum() > 0.3 * min(codes.size, shown.size)
        errors[down, across] = np.abs(shown[both] - wanted[both]).mean()
    assert max(map(abs, min(errors, key=lambda shift: errors[shift]))) <= 0.5, errors


@pytest.mark.parametrize("name", [name for name in GRIDS if GRIDS[name].crs_wkt])
def test_a_pixel_is_told_with_its_place_on_the_globe_and_its_code(page, grids, name):
    output, stores = grids
    codes = stored_codes(f"{output}/{stores[name]}")
    grid, (row, col) = GRIDS[name], (123, 321)
    go(page, f"mosaic={stores[name]}&pixel={row},{col}")
    told = facts(page, "pixel")
    x, y = grid.transform.apply(col + 0.5, row + 0.5)
    lon, lat = Transformer.from_crs(grid.crs_wkt, "EPSG:4326", always_xy=True).transform(x, y)
    assert degrees(told["place"]) == pytest.approx((lat, (lon + 180) % 360 - 180), abs=NEAR[name])
    assert [float(part) for part in told["coordinates"].split(", ")] == pytest.approx([x, y])
    assert told["pixel"] == f"row {row}, column {col}"
    assert told["code"].split()[0] == str(codes[row, col])


NEAR = dict.fromkeys(GRIDS, 2e-5) | {"Swiss": 2e-3}
"""Degrees by which a place may be off: five digits are told; of other datums a shift is not known here."""


def degrees(text):
    """Return latitude and longitude of "52.10000° N, 13.20000° E"."""
    signs = {"N": 1, "S": -1, "E": 1, "W": -1}
    parts = [part.split("° ") for part in text.split(", ")]
    return tuple(float(number) * signs[side] for number, side in parts)


@pytest.mark.parametrize("name", GRIDS)
def test_a_click_tells_the_pixel_that_is_under_it(page, grids, name):
    output, stores = grids
    codes = stored_codes(f"{output}/{stores[name]}")
    go(page, words_of(mosaic=stores[name], view="200.5,150.5,0.125"))
    height, width = size_of(page)
    rows, cols = pixels_at(name, (200.5, 150.5), 0.125, height, width)
    shown = seen(page).codes
    for y, x in ((height // 2, width // 2), (height // 2 + 40, width // 2 - 37), (60, 300)):
        page.page.locator("#map").click(position={"x": x + 0.5, "y": y + 0.5})
        row, col = int(rows[y, x]), int(cols[y, x])
        page.page.wait_for_function(TELLS, arg=f"row {row}, column {col}")
        code = codes[row, col]
        assert facts(page, "pixel")["code"].split()[0] == str(code)
        assert abs(shown[y, x] - (code if code != 255 else -1)) <= (1 if name == "rotated" else 0)


TELLS = "(words) => document.querySelector('#pixel-facts').textContent.includes(words)"
