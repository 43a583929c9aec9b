"""Masks: which one rule says of a scene's pixels whether they have data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

MaskRule = Literal["internal", "sidecar", "alpha", "nodata", "none"]
"""What says which pixels have data: a mask inside of the file, a .msk beside it, the alpha band, the no-data
values of the shown bands, or nothing: all pixels have."""

MASK_RULES: tuple[MaskRule, ...] = get_args(MaskRule)

NoData = float | int | None
"""A band's no-data value; None where it has none."""

_AT_THE_END = 1e-3
_ULPS = 4
"""So many units in the last place a float may differ from a no-data value, which files keep as text."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Where a scene has data.

    ``alpha_band`` (from 1) is that of the rule ``alpha``: a pixel has data where it is more than 0.
    ``nodata`` are the values of the distinct shown bands, in their order, of the rule ``nodata``: a pixel has
    no data where every shown band has its value.

    ``suffix`` is what the file of the rule ``sidecar`` has behind the scene's name.

    Raises:
        ValueError: if the rule is none of :data:`MASK_RULES`, or lacks what it goes by.
    """

    rule: MaskRule = "none"
    alpha_band: int | None = None
    nodata: tuple[NoData, ...] = ()
    suffix: str = ""

    def __post_init__(self) -> None:
        if self.rule not in MASK_RULES:
            raise ValueError(f"a mask's rule is one of {', '.join(MASK_RULES)}, got {self.rule!r}")
        if (self.rule == "alpha") != (self.alpha_band is not None) or (self.rule == "nodata") != bool(
            self.nodata
        ):
            raise ValueError(f"a mask by {self.rule} has alpha band {self.alpha_band}, no data {self.nodata}")


def choose_mask(stored: Mask | None, interpretation: Sequence[str], nodata: Sequence[NoData]) -> Mask:
    """Return the mask of a scene: a stored mask, else its alpha band, else no-data values, else none.

    stored: its mask in the file or beside it, if it has one. interpretation: the colour name of each band; of
    several alpha bands the first counts. nodata: the values of the distinct shown bands that can occur in
    their type.
    """
    if stored is not None:
        return stored
    names = [name.lower() for name in interpretation]
    if "alpha" in names:
        return Mask("alpha", alpha_band=names.index("alpha") + 1)
    if nodata and None not in nodata:
        return Mask("nodata", nodata=tuple(nodata))
    return Mask()


def can_occur(value: float, dtype: str, bits: int | None = None) -> bool:
    """Whether a sample of a type can have a value; ``bits`` of an unsigned one are used, if not all."""
    kind = np.dtype(dtype)
    if np.issubdtype(kind, np.floating):
        with np.errstate(over="ignore"):
            return isnan(value) or not isfinite(value) or bool(np.isfinite(kind.type(value)))
    if not isfinite(value) or value != int(value):
        return False
    limits = np.iinfo(kind)
    highest = int(limits.max) if bits is None else min(int(limits.max), 2**bits - 1)
    return int(limits.min) <= int(value) <= highest


def has_data(samples: NDArray[np.generic], nodata: Sequence[NoData]) -> NDArray[np.bool_]:
    """Return where any band of samples (n, h, w) is not its no-data value, (h, w). Integers are compared
    exactly, floats to the last places."""
    there = np.zeros(samples.shape[1:], dtype=np.bool_)
    for plane, value in zip(samples, nodata, strict=True):
        there |= np.ones_like(there) if value is None else ~_equals(plane, value)
    return there


def _equals(plane: NDArray[np.generic], value: float) -> NDArray[np.bool_]:
    if not np.issubdtype(plane.dtype, np.floating):
        return np.asarray(plane == int(value))
    if not isfinite(value):
        return np.asarray(np.isnan(plane) if isnan(value) else plane == value)
    near = abs(value) * (
        _AT_THE_END if _is_an_end(value, str(plane.dtype)) else float(np.finfo(str(plane.dtype)).eps) * _ULPS
    )
    with np.errstate(over="ignore"):  # beside the largest float32 is infinity
        return np.asarray(np.greater_equal(plane, value - near) & np.less_equal(plane, value + near))


def _is_an_end(value: float, dtype: str) -> bool:
    """Whether a value is about the least or largest number of a type, or of float32 that became float64.

    Many round it when they declare it: -3.4e38.
    """
    ends = (float(np.finfo(np.float32).max), float(np.finfo(dtype).max))
    return any(abs(abs(value) / end - 1) < _AT_THE_END for end in ends)
