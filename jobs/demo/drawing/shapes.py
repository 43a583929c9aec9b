"""Shapes: filled polygons in pixels (x right, y down), and what is done to them before they are painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Colour = tuple[float, float, float]
"""Red, green and blue, 0..255."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A filled polygon: ``points`` (n, 2) in pixels, closed by itself."""

    points: NDArray[np.float64]
    colour: Colour


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """Something that stands on the ground: its shapes from the lowest to the topmost, and its height.

    ``outline`` are the shapes that cast the shadow; ``height_px`` is in pixels of ground.
    """

    shapes: tuple[Shape, ...]
    outline: tuple[Shape, ...]
    height_px: float

    def placed(self, x: float, y: float, heading_deg: float = 0.0) -> Thing:
        """Return the thing turned by a heading and moved to (x, y)."""
        return replace(
            self,
            shapes=placed(self.shapes, x, y, heading_deg),
            outline=placed(self.outline, x, y, heading_deg),
        )


def polygon(points: ArrayLike, colour: Colour) -> Shape:
    """Return the polygon through (n, 2) points."""
    return Shape(np.asarray(points, dtype=np.float64), colour)


def box(x0: float, y0: float, x1: float, y1: float, colour: Colour) -> Shape:
    """Return the rectangle between two corners."""
    return polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)


def disc(x: float, y: float, radius: float, colour: Colour, stretch: float = 1.0) -> Shape:
    """Return a circle, or an ellipse ``stretch`` times as long in x."""
    angles = np.linspace(0.0, 2 * np.pi, max(10, int(4 + 2 * radius)), endpoint=False)
    points = np.stack([x + stretch * radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)
    return Shape(points, colour)


def stroke(points: ArrayLike, width: float, colour: Colour) -> list[Shape]:
    """Return a line of a width through (n, 2) points: a quadrilateral a segment, a disc at each bend."""
    path = np.asarray(points, dtype=np.float64)
    shapes = []
    for start, stop in pairwise(path):
        along = stop - start
        side = np.array([-along[1], along[0]]) * (width / 2 / max(float(np.hypot(*along)), 1e-9))
        shapes.append(Shape(np.stack([start + side, stop + side, stop - side, start - side]), colour))
    if width > 2:
        shapes += [disc(x, y, width / 2, colour) for x, y in path[1:-1]]
    return shapes


def dashes(
    start: ArrayLike, stop: ArrayLike, width: float, pattern: tuple[float, float], colour: Colour
) -> list[Shape]:
    """Return a straight line in dashes; ``pattern`` is the length of a dash and of a gap."""
    dash, gap = pattern
    first, last = np.asarray(start, dtype=np.float64), np.asarray(stop, dtype=np.float64)
    length = float(np.hypot(*(last - first)))
    unit = (last - first) / max(length, 1e-9)
    shapes: list[Shape] = []
    for begin in steps(0.0, length, dash + gap):
        end = min(begin + dash, length)
        shapes += stroke([first + unit * begin, first + unit * end], width, colour)
    return shapes


def placed(shapes: Iterable[Shape], x: float, y: float, heading_deg: float = 0.0) -> tuple[Shape, ...]:
    """Return shapes turned clockwise by a heading about their origin, then moved by (x, y)."""
    angle = np.deg2rad(heading_deg)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return tuple(Shape(shape.points @ turn + (x, y), shape.colour) for shape in shapes)


def steps(start: float, stop: float, step: float) -> list[float]:
    """Return start, start + step, ... below stop."""
    return [float(value) for value in np.arange(start, stop, step)]


def tinted(colour: Colour, factor: float) -> Colour:
    """Return a colour made brighter (factor > 1) or darker."""
    red, green, blue = (min(255.0, channel * factor) for channel in colour)
    return red, green, blue


def smooth(points: ArrayLike, rounds: int = 3) -> NDArray[np.float64]:
    """Return an open path with its corners cut ``rounds`` times (Chaikin); its ends stay."""
    path = np.asarray(points, dtype=np.float64)
    for _ in range(rounds):
        near = 0.75 * path[:-1] + 0.25 * path[1:]
        far = 0.25 * path[:-1] + 0.75 * path[1:]
        inner = np.stack([near, far], axis=1).reshape(-1, 2)
        path = np.concatenate([path[:1], inner, path[-1:]])
    return path


def bounds(shapes: Sequence[Shape]) -> tuple[float, float, float, float]:
    """Return (xmin, ymin, xmax, ymax) of all shapes."""
    points = np.concatenate([shape.points for shape in shapes])
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
