"""The boxes of a STAC item: of its ``bbox``, or of each part of its geometry, which may be cut at 180."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from sgddiff_batch.core.boxes import Box, box_around

_DEEPEST = 6
_MOST_PARTS = 1000
_SLIMMEST = 10.0
_WIDE_DEG = 180.0

Point = tuple[float, float]
Bounds = tuple[float, float, float, float]


def boxes_of(bbox: object, geometry: object) -> tuple[Box, ...] | None:
    """Return the boxes that hold what an item shows, None where it does not say in numbers.

    That is its ``bbox``; where there is none, or it is wider than half a turn, as the box of a geometry in
    two halves at 180 often is, one for each part of its geometry.
    """
    whole = box_of(bbox)
    if whole is not None and not is_wide(bbox):
        return (whole,)
    parts = [box_of(bounds) for bounds in _bounds_of(geometry, _DEEPEST, may_jump=whole is None)]
    known = tuple(dict.fromkeys(part for part in parts if part is not None))
    if not parts or len(parts) > _MOST_PARTS or None in parts:
        return None if whole is None else (whole,)
    return known


def box_of(value: object) -> Box | None:
    """Return the box of four numbers, or of six with heights; None where they are none."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) not in (4, 6):
        return None
    half = len(value) // 2
    west, south, east, north = map(number, (value[0], value[1], value[half], value[half + 1]))
    if west is None or south is None or east is None or north is None:
        return None
    try:
        return box_around(west, south, east, north)
    except ValueError:
        return None


def is_wide(bbox: object) -> bool:
    """Whether a box says too little, so that the geometry is asked."""
    whole = box_of(bbox)
    return whole is None or whole.width > _WIDE_DEG


def number(value: object) -> float | None:
    """Return a number of a JSON document, None where it is none or absurd."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e9 else None  # not a number is not below it


def _bounds_of(geometry: object, depth: int, *, may_jump: bool) -> Iterator[Bounds | None]:
    """Yield west, south, east and north of each polygon, line or point; None for what is none."""
    if not isinstance(geometry, Mapping):
        return
    members, coordinates = geometry.get("geometries"), geometry.get("coordinates")
    if isinstance(members, list):
        for member in members if depth else ():
            yield from _bounds_of(member, depth - 1, may_jump=may_jump)
    elif isinstance(coordinates, Sequence) and coordinates:
        is_many = str(geometry.get("type")).startswith("Multi")
        for part in coordinates if is_many else (coordinates,):
            yield _bounds(list(_points(part, _DEEPEST)), may_jump=may_jump)


def _bounds(points: Sequence[Point], *, may_jump: bool) -> Bounds | None:
    """Return the bounds of the points of one polygon, line or point.

    may_jump: whether a part that goes from 179 to -179 may be one that nobody cut at 180.
    """
    if not points:
        return None
    plain, latitudes = zip(*points, strict=True)
    west, south, east, north = min(plain), min(latitudes), max(plain), max(latitudes)
    near = _unbroken(plain)
    width = max(near) - min(near)
    # The corners of a whole turn jump, too: then what is left between them is no more than a slit.
    if may_jump and width < east - west and width * _SLIMMEST >= north - south:
        west, east = min(near), max(near)
    return west, south, east, north


def _unbroken(longitudes: Sequence[float]) -> list[float]:
    """Return longitudes each within half a turn of the one before it."""
    found = [longitudes[0]]
    for before, here in pairwise(longitudes):
        step = here - before
        found.append(found[-1] + step - 360.0 * round(step / 360.0))
    return found


def _points(coordinates: object, depth: int) -> Iterator[Point]:
    if not isinstance(coordinates, Sequence) or isinstance(coordinates, str) or depth == 0:
        return
    if len(coordinates) >= 2 and all(number(one) is not None for one in coordinates[:2]):
        yield float(coordinates[0]), float(coordinates[1])
        return
    for part in coordinates:
        yield from _points(part, depth - 1)
