"""Maps: the footprints of an output as an SVG, which needs no tiles of a server and no script."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.words import printable
from sgddiff_batch.io.pages.coast import land_in

MOST_DRAWN = 1500
"""Of more footprints the map shows how many lie where."""
_WIDTH = 1000.0
_HEIGHTS = (220.0, 560.0)
_LEAST_PX = 5.0
"""What is smaller on the map is drawn so large, in place."""
_CELLS = 80
_STEPS = (45.0, 30.0, 15.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
_LEAST_DEGREES = 0.004
_LEAST_LAND_DEGREES = 3.0
_LOCATED_DEGREES = 30.0
_LOCATOR_PX = 210.0


@dataclass(frozen=True, slots=True)
class Footprints:
    """Where mosaics lie: ``boxes`` (n, 4) as west, south, east, north in degrees; NaN where nobody knows.

    West is more than east across the antimeridian. ``is_new`` (n,): made by the run that is told of.
    """

    ids: Sequence[str]
    boxes: NDArray[np.float64]
    is_new: NDArray[np.bool_]

    def placed(self) -> Footprints:
        """Return those that have a place."""
        known = np.isfinite(self.boxes).reshape(-1, 4).all(axis=1)
        ids = [self.ids[row] for row in np.flatnonzero(known)]
        return Footprints(ids, self.boxes[known], self.is_new[known])


@dataclass(frozen=True, slots=True)
class _Frame:
    """The part of the globe that is shown, in degrees, and how many units of the drawing it takes."""

    west: float
    south: float
    east: float
    north: float
    height: float

    def x(self, lon: float) -> float:
        return (lon - self.west) / (self.east - self.west) * _WIDTH

    def y(self, lat: float) -> float:
        return (self.north - lat) / (self.north - self.south) * self.height


def map_of(footprints: Footprints) -> str:
    """Return the map of footprints as an SVG element, "" where none has a place."""
    placed = footprints.placed()
    if not len(placed.boxes):
        return ""
    frame = _frame(placed.boxes)
    drawn = [*_boxes(placed, frame)] if len(placed.boxes) <= MOST_DRAWN else [*_density(placed, frame)]
    return "".join(
        (
            f'<svg class="map" viewBox="0 0 {_WIDTH:.0f} {frame.height:.0f}" role="img" '
            'aria-label="Map of footprints">',
            _land(frame),
            *_graticule(frame),
            *drawn,
            _locator(frame),
            "</svg>",
        )
    )


def _land(frame: _Frame) -> str:
    """Return the land of a frame, or nothing where a frame is so small that its outlines would mislead."""
    if frame.east - frame.west < _LEAST_LAND_DEGREES:
        return ""
    return _path(frame, "land")


def _path(frame: _Frame, kind: str) -> str:
    lines = []
    for ring in land_in((frame.west, frame.south, frame.east, frame.north)):
        points = [f"{frame.x(lon):.1f} {frame.y(lat):.1f}" for lon, lat in ring.tolist()]
        lines.append("M" + "L".join(dict.fromkeys(points)) + "Z")
    return f'<path class="{kind}" d="{"".join(lines)}"/>' if lines else ""


def _locator(frame: _Frame) -> str:
    """Return the globe in a corner, with a mark where the frame is, if that is a small part of it."""
    if frame.east - frame.west > _LOCATED_DEGREES:
        return ""
    globe = _Frame(-180.0, -90.0, 180.0, 90.0, _WIDTH / 2)
    x, y = globe.x((frame.west + frame.east) / 2), globe.y((frame.south + frame.north) / 2)
    scale = _LOCATOR_PX / _WIDTH
    left, top = _WIDTH - _LOCATOR_PX - 8, 8.0
    return (
        f'<g class="locator" transform="translate({left:.0f} {top:.0f}) scale({scale:g})">'
        f'<rect class="sea" width="{_WIDTH:.0f}" height="{globe.height:.0f}"/>{_path(globe, "land")}'
        f'<circle class="here" cx="{x:.1f}" cy="{y:.1f}" r="26"/></g>'
    )


def _parts(box: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """Return a box as one or, across the antimeridian, two that do not cross it."""
    west, south, east, north = map(float, box)
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def _frame(boxes: NDArray[np.float64]) -> _Frame:
    crosses = bool((boxes[:, 0] > boxes[:, 2]).any())
    west, east = (-180.0, 180.0) if crosses else (float(boxes[:, 0].min()), float(boxes[:, 2].max()))
    south, north = float(boxes[:, 1].min()), float(boxes[:, 3].max())
    width, height = max(east - west, _LEAST_DEGREES), max(north - south, _LEAST_DEGREES)
    middle, centre = (west + east) / 2, (south + north) / 2
    # At that latitude a degree of longitude is shorter: the map keeps the shape of places.
    wanted = width * max(0.2, math.cos(math.radians(min(abs(centre), 85.0)))) / height
    low, high = _WIDTH / _HEIGHTS[1], _WIDTH / _HEIGHTS[0]
    ratio = min(max(wanted, low), high)
    width, height = width * max(1.0, ratio / wanted) * 1.06, height * max(1.0, wanted / ratio) * 1.06
    return _Frame(
        max(-180.0, middle - width / 2),
        max(-90.0, centre - height / 2),
        min(180.0, middle + width / 2),
        min(90.0, centre + height / 2),
        round(_WIDTH / ratio),
    )


def _boxes(placed: Footprints, frame: _Frame) -> Iterator[str]:
    for index in np.argsort(placed.is_new, kind="stable"):
        kind, name = ("new" if placed.is_new[index] else "old"), printable(placed.ids[index])
        for west, south, east, north in _parts(placed.boxes[index].tolist()):
            x, width = _stretched(frame.x(west), frame.x(east))
            y, height = _stretched(frame.y(north), frame.y(south))
            yield (
                f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
                f"<title>{escape(name)}</title></rect>"
            )


def _stretched(start: float, stop: float) -> tuple[float, float]:
    """Return the start and the length of what can be seen."""
    length = max(stop - start, _LEAST_PX)
    return (start + stop - length) / 2, length


def _density(placed: Footprints, frame: _Frame) -> Iterator[str]:
    """Yield a cell of the map for each place with footprints, the darker the more there are."""
    side = _WIDTH / _CELLS
    rows = max(1, math.ceil(frame.height / side))
    edges = np.arange(rows + 1) * side, np.arange(_CELLS + 1) * side
    middles = np.array([_middle(box) for box in placed.boxes.tolist()])
    x = (middles[:, 0] - frame.west) / (frame.east - frame.west) * _WIDTH
    y = (frame.north - middles[:, 1]) / (frame.north - frame.south) * frame.height
    counts, _, _ = np.histogram2d(y, x, edges)
    new, _, _ = np.histogram2d(y[placed.is_new], x[placed.is_new], edges)
    most = math.log1p(counts.max())
    for row, col in zip(*np.nonzero(counts), strict=True):
        count, of_run = int(counts[row, col]), int(new[row, col])
        yield (
            f'<rect class="{"new" if of_run else "old"}" x="{col * side:.1f}" y="{row * side:.1f}" '
            f'width="{side:.1f}" height="{side:.1f}" style="fill-opacity:'
            f'{0.15 + 0.85 * math.log1p(count) / most:.2f}">'
            f"<title>{count:,} mosaics, {of_run:,} of them made by this run</title></rect>"
        )


def _middle(box: Sequence[float]) -> tuple[float, float]:
    west, south, east, north = _parts(box)[0]
    return (west + east) / 2, (south + north) / 2


def _graticule(frame: _Frame) -> Iterator[str]:
    for lon in _lines(frame.west, frame.east, 5):
        x = frame.x(lon)
        yield f'<line class="grid" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{frame.height:.0f}"/>'
        yield f'<text x="{x + 4:.1f}" y="{frame.height - 5:.0f}">{_degrees(lon, "E", "W")}</text>'
    for lat in _lines(frame.south, frame.north, 3):
        y = frame.y(lat)
        yield f'<line class="grid" x1="0" y1="{y:.1f}" x2="{_WIDTH:.0f}" y2="{y:.1f}"/>'
        yield f'<text x="4" y="{y - 4:.1f}">{_degrees(lat, "N", "S")}</text>'


def _lines(start: float, stop: float, least: int) -> list[float]:
    """Return the round degrees between two, at least so many where the steps are small enough."""
    step = next((one for one in _STEPS if (stop - start) / one >= least), _STEPS[-1])
    first = math.ceil(start / step)
    return [round(number * step, 6) for number in range(first, math.floor(stop / step) + 1)]


def _degrees(value: float, plus: str, minus: str) -> str:
    return f"{abs(value):g}°{'' if not value else plus if value > 0 else minus}"
