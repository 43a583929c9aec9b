"""The page of ol-stac in page/: what it is given, and what it shows."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.kit.browser import PATIENCE_MS

PAGE = Path(__file__).parent / "page"
WINDOW = (420, 280)
"""(width, height) of the map: the mosaic with some of the page around it."""
BEHIND = (255, 0, 255)
NO_FORMER_ZARR = r"^404: GET .*\.zarr/\.z(attrs|group)$"
"""What is asked for besides by a reader that takes Zarr 2, too."""


@dataclass(frozen=True)
class Map:
    """What ol-stac drew: (h, w, 3) samples, and the middle of the map and its units a pixel."""

    picture: NDArray[np.int_]
    view: tuple[float, float, float]

    @property
    def codes(self):
        """(h, w) codes by their shades of grey; -1 where the page behind shows, -2 where it is neither."""
        red, green, blue = np.moveaxis(self.picture, -1, 0)
        grey = np.where((red == green) & (green == blue), np.round(red * (254 / 255)).astype(int), -2)
        return np.where((self.picture == BEHIND).all(axis=-1), -1, grey)

    @property
    def places(self):
        """x (w) and y (h, 1) of the middles of all pixels."""
        x, y, step = self.view
        right, down = (np.arange(side) + 0.5 - side / 2 for side in WINDOW)
        return x + right * step, y - down[:, None] * step


def given(visit, page, item, **asked):
    """Give ol-stac an Item's address; return the page, and that it has drawn, or what went wrong."""
    one = visit(f"{page}?{urlencode({'item': item} | asked)}", window=WINDOW)
    one.page.wait_for_selector("#map:not([data-state=waiting])", timeout=PATIENCE_MS)
    return one, one.page.get_attribute("#map", "data-state")


def seen(one, expected=NO_FORMER_ZARR):
    """Return the map of a page."""
    one.expected(expected)
    picture = np.asarray(Image.open(io.BytesIO(one.page.screenshot())).convert("RGB"))
    return Map(picture.astype(int), tuple(json.loads(one.page.get_attribute("#map", "data-view"))))


def drawn(visit, page, item, expected=NO_FORMER_ZARR, **asked):
    """Return the map that ol-stac made of an Item."""
    one, state = given(visit, page, item, **asked)
    assert state == "drawn"
    return seen(one, expected)


def codes_at(codes, transform, x, y):
    """Return the code at each place, -1 where there is none or no data; x and y are broadcast."""
    a, b, c, d, e, f = transform.coefficients
    x, y = x - c, y - f
    cols = np.floor((e * x - b * y) / (a * e - b * d)).astype(int)
    rows = np.floor((a * y - d * x) / (a * e - b * d)).astype(int)
    inside = (rows >= 0) & (cols >= 0) & (rows < codes.shape[0]) & (cols < codes.shape[1])
    found = np.full(inside.shape, -1)
    found[inside] = codes[rows[inside], cols[inside]]
    return np.where(found == 255, -1, found)
