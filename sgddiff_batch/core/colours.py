"""Colours: how saliency is shown to people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import MAX_CODE

STOPS = (
    (0.0, (8, 8, 24)), (0.15, (42, 17, 84)), (0.35, (122, 28, 109)), (0.55, (198, 60, 76)),
    (0.75, (244, 130, 36)), (0.9, (252, 203, 68)), (1.0, (252, 255, 200)),
)  # fmt: skip
"""Saliency 0..1 and its red, green and blue, which get lighter throughout: grey prints tell as much."""


def saliency_colours() -> NDArray[np.uint8]:
    """Return the (256, 3) colour of every code; that of 255, no data, is not used."""
    at = np.minimum(np.arange(256) / MAX_CODE, 1.0)
    stops = np.array([stop for stop, _ in STOPS])
    table = np.array([colour for _, colour in STOPS], dtype=np.float64)
    return np.stack([np.interp(at, stops, channel) for channel in table.T], axis=1).round().astype(np.uint8)
