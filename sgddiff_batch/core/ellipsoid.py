"""The ellipsoid WGS 84: areas between parallels, and how long a degree is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MAJOR_M = 6378137.0
_FLATTENING = 1 / 298.257223563
_MINOR_M = _MAJOR_M * (1 - _FLATTENING)
_SQUARE = _FLATTENING * (2 - _FLATTENING)
_ECCENTRICITY = math.sqrt(_SQUARE)


def zones_m2(lat: Floats) -> Floats:
    """Return the square metres from the equator to latitudes (degrees), for each radian of longitude.

    Negative in the south. Over x = longitude in radians a ring whose edges are meridians and parallels has
    exactly its area on the ellipsoid by these as y.
    """
    sine = np.sin(np.radians(lat))
    tangent = np.arctanh(_ECCENTRICITY * sine) / _ECCENTRICITY
    zones: Floats = _MINOR_M**2 / 2 * (sine / (1 - _SQUARE * sine**2) + tangent)
    return zones


def degree_m(lat: Floats) -> tuple[Floats, Floats]:
    """Return the metres of a degree of longitude and of one of latitude at latitudes (degrees)."""
    angle = np.radians(lat)
    square = 1 - _SQUARE * np.sin(angle) ** 2
    across = _MAJOR_M / np.sqrt(square)
    east: Floats = np.radians(across * np.cos(angle))
    north: Floats = np.radians(across * (1 - _SQUARE) / square)
    return east, north
