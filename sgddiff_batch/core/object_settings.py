"""What counts as an object of a mosaic, and how it is drawn."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from sgddiff_batch.core.blending import MAX_CODE
from sgddiff_batch.core.fingerprint import digest

LEAST_IOU = 0.2
"""The overlap, area shared over that of both, from which on two outlines may be of one object."""

_ROUNDING = 1e-9
"""0.5 * 254 may come out a little more than 127."""


@dataclass(frozen=True, slots=True)
class ObjectSettings:
    """Which regions are objects, and their outlines.

    An object is a 4-connected region of pixels of saliency ``threshold`` (0..1) and more; with ``low``, of
    ``low`` and more that holds one of ``threshold``. ``min_area_m2``: smaller ones are left out, where the
    mosaic has a CRS. ``simplify_px``: how far an outline may be from the pixels' edges, 0 for exactly these.

    Raises:
        ValueError: naming the setting that is out of its range.
    """

    threshold: float = 0.5
    low: float | None = None
    min_area_m2: float = 0.0
    simplify_px: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold must be above 0 and at most 1, got {self.threshold}")
        if self.low is not None and not 0 < self.low <= self.threshold:
            raise ValueError(f"low must be above 0 and at most threshold {self.threshold}, got {self.low}")
        for name in ("min_area_m2", "simplify_px"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be at least 0, got {value}")

    @property
    def high_code(self) -> int:
        """The least code (1..254) that an object must hold."""
        return _code(self.threshold)

    @property
    def low_code(self) -> int:
        """The least code (1..254) of an object's pixels."""
        return _code(self.threshold if self.low is None else self.low)

    def to_json(self) -> dict[str, float | None]:
        """Return them by name; equal settings are equal, however they were written."""
        return {name: value if value is None else float(value) for name, value in asdict(self).items()}

    @property
    def digest(self) -> str:
        """The 12 digits that name parts made with these settings."""
        return digest(self.to_json())[:12]


def _code(saliency: float) -> int:
    return max(1, math.ceil(saliency * MAX_CODE - _ROUNDING))
