"""What a drawn picture shows somewhere: the pixels of a rectangle of its frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.demo.drawing.canvas import Canvas


def seen(
    canvas: Canvas, area: tuple[float, float, float, float], frame: tuple[float, float, float] | None = None
) -> NDArray[np.float32]:
    """The colours (n, 3) of all pixels of the picture in a rectangle (x0, y0, x1, y1) of a frame."""
    x0, y0, x1, y1 = area
    left, top, heading = canvas.frame if frame is None else frame
    u, v = (part.ravel() for part in np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)))
    angle = np.deg2rad(heading)
    columns = np.rint(left + u * np.cos(angle) - v * np.sin(angle)).astype(int)
    rows = np.rint(top + u * np.sin(angle) + v * np.cos(angle)).astype(int)
    height, width = canvas.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    assert inside.any(), "the rectangle lies outside of the picture"
    return canvas.pixels[rows[inside], columns[inside]]
