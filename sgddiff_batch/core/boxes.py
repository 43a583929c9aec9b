"""Boxes in longitude and latitude: which of them touch, where longitudes go round and may pass 180."""

from __future__ import annotations

import math
from dataclasses import dataclass

_FARTHEST = 720.0
"""No longitude is written farther out than two turns: what is, is no longitude."""
_ROUNDING = 1e-9
_OVERSHOOT = 2.0
"""Cells of coarse global grids reach past a pole by half of one."""


@dataclass(frozen=True, slots=True)
class Box:
    """An area in degrees of longitude and latitude (WGS 84); ``west`` > ``east`` crosses the antimeridian.

    Raises:
        ValueError: if it lies outside -180..180 and -90..90, or its south above its north.
    """

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        if not (abs(self.west) <= 180 and abs(self.east) <= 180):
            raise ValueError(f"west and east must be in -180..180, got {self.west} and {self.east}")
        if not -90 <= self.south <= self.north <= 90:
            raise ValueError(f"-90 <= south <= north <= 90 must hold, got {self.south} and {self.north}")

    @property
    def width(self) -> float:
        """How many degrees of longitude it covers."""
        return self._end - self.west

    @property
    def _end(self) -> float:
        return self.east if self.west <= self.east else self.east + 360.0

    def overlaps(self, other: Box) -> bool:
        """Whether there is a point in both, edges included; 180 and -180 are one meridian."""
        if self.south > other.north or other.south > self.north:
            return False
        return any(
            self.west <= other._end + turn and other.west + turn <= self._end for turn in (-360.0, 0.0, 360.0)
        )


def box_around(west: float, south: float, east: float, north: float) -> Box:
    """Return the box of a catalogue's four numbers, whose longitudes may be any (-180.67, 190, 0..360).

    ``west`` > ``east`` goes on eastwards from ``west``; a whole turn or more is the whole turn.

    Raises:
        ValueError: if the numbers are no area of the Earth.
    """
    if not (abs(west) <= _FARTHEST and abs(east) <= _FARTHEST):
        raise ValueError(f"west and east must be longitudes, got {west} and {east}")
    if not (south >= -90 - _OVERSHOOT and north <= 90 + _OVERSHOOT):
        raise ValueError(f"south and north must be latitudes, got {south} and {north}")
    south, north = max(south, -90.0), min(north, 90.0)
    if abs(west) <= 180 and abs(east) <= 180:
        return Box(west, south, east, north)  # to the last bit as it is written
    width = east - west if west <= east else (east - west) % 360.0
    if width >= 360.0 - _ROUNDING:
        return Box(-180.0, south, 180.0, north)
    west = math.fmod(west, 360.0)
    west -= 360.0 * math.copysign(1.0, west) if abs(west) > 180 else 0.0
    east = west + width
    return Box(west, south, east - 360.0 if east > 180 else east, north)
