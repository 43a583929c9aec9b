"""Colours: the one table in which saliency is shown, in pictures and in files that carry a colour table."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sgddiff_batch.core.blending import MAX_CODE

STOPS = (
    (0.0, (8, 8, 24)), (0.15, (42, 17, 84)), (0.35, (122, 28, 109)), (0.55, (198, 60, 76)),
    (0.75, (244, 130, 36)), (0.9, (252, 203, 68)), (1.0, (252, 255, 200)),
)  # fmt: skip
"""Saliency 0..1 and its red, green and blue, which get lighter throughout: grey prints tell as much."""


@cache
def code_colours() -> NDArray[np.uint8]:
    """Return red, green and blue (256, 3) of every code, dark for 0 and bright for 254, read-only.

    255, no data, has the colour of 254: whoever shows it leaves it transparent, or draws something else.
    """
    at = np.minimum(np.arange(256) / MAX_CODE, 1.0)
    stops = np.array([stop for stop, _ in STOPS])
    table = np.array([colour for _, colour in STOPS], dtype=np.float64)
    colours = np.stack([np.interp(at, stops, channel) for channel in table.T], axis=1).round()
    shown: NDArray[np.uint8] = colours.astype(np.uint8)
    shown.flags.writeable = False
    return shown
