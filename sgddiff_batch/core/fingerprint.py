"""Digests: the run key, scene versions, and the digests of stored blocks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Json = None | bool | int | float | str | list["Json"] | tuple["Json", ...] | Mapping[str, "Json"]


def canonical_json(value: object) -> str:
    """Return JSON that is the same for equal values: sorted keys, no spaces, ASCII.

    Raises:
        TypeError, ValueError: if the value is not JSON, or holds NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Return the hex SHA-256 of a JSON value's canonical form."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def array_digest(array: NDArray[np.uint8]) -> str:
    """Return the hex SHA-256 of an array's shape and bytes in C order."""
    hasher = hashlib.sha256(repr(array.shape).encode())
    hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def bytes_digest(data: bytes | memoryview) -> str:
    """Return the hex SHA-256 of an object."""
    return hashlib.sha256(data).hexdigest()


def run_key(pixel_settings: Mapping[str, object]) -> str:
    """Return the 12-digit key of everything, besides the scene, that decides the value of a pixel."""
    return digest(pixel_settings)[:12]
