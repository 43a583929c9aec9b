"""Raster: shapes become colours and cover, with soft edges, a cell of the picture at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from jobs.demo.drawing.shapes import Shape
from jobs.demo.drawing.textures import Field

_SUPERSAMPLING = 4
_CELL_PX = 192

Drawn = tuple[tuple[slice, slice], Field, Field]
"""Where (rows, columns), colours (h, w, 3) 0..255, and cover (h, w) 0..1."""


def drawn(shapes: Sequence[Shape], size: tuple[int, int], blur_px: float = 0.0) -> Iterator[Drawn]:
    """Yield what shapes cover of a picture of a size (height, width), in cells that do not overlap.

    The later shapes hide the earlier ones. Cells keep the memory small and skip what nothing covers.
    """
    if not shapes:
        return
    pad = 1 + int(3 * blur_px)
    boxes = np.array([[*shape.points.min(axis=0), *shape.points.max(axis=0)] for shape in shapes])
    boxes += (-pad, -pad, pad, pad)
    for top in range(0, size[0], _CELL_PX):
        for left in range(0, size[1], _CELL_PX):
            bottom, right = min(top + _CELL_PX, size[0]), min(left + _CELL_PX, size[1])
            hit = (boxes < (right, bottom, np.inf, np.inf)).all(axis=1) & (boxes[:, 2:] > (left, top)).all(
                axis=1
            )
            if hit.any():
                x0, y0 = max(left, int(boxes[hit, 0].min())), max(top, int(boxes[hit, 1].min()))
                x1, y1 = min(right, int(boxes[hit, 2].max()) + 1), min(bottom, int(boxes[hit, 3].max()) + 1)
                window = slice(y0, y1), slice(x0, x1)
                yield _draw([shapes[i] for i in np.flatnonzero(hit)], window, pad, blur_px)


def _draw(shapes: Sequence[Shape], window: tuple[slice, slice], pad: int, blur_px: float) -> Drawn:
    rows, cols = window
    width, height = cols.stop - cols.start + 2 * pad, rows.stop - rows.start + 2 * pad
    image = Image.new("RGBA", (width * _SUPERSAMPLING, height * _SUPERSAMPLING))
    pen = ImageDraw.Draw(image)
    for shape in shapes:
        points = (shape.points - (cols.start - pad, rows.start - pad)) * _SUPERSAMPLING
        red, green, blue = (round(channel) for channel in shape.colour)
        pen.polygon(points.ravel().tolist(), fill=(red, green, blue, 255))
    image = image.convert("RGBa").reduce(_SUPERSAMPLING)
    if blur_px:
        image = image.filter(ImageFilter.GaussianBlur(blur_px))
    return window, *_colour_and_cover(np.asarray(image, dtype=np.float32)[pad:-pad, pad:-pad])


def _colour_and_cover(premultiplied: NDArray[np.float32]) -> tuple[Field, Field]:
    cover = premultiplied[..., 3] / 255.0
    return premultiplied[..., :3] / np.maximum(cover, 1e-3)[..., None], cover
