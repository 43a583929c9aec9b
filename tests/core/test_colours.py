"""Colours of saliency: from dark to light without a step back, so that grey prints tell as much."""

from __future__ import annotations

import numpy as np

from sgddiff_batch.core.blending import MAX_CODE
from sgddiff_batch.core.colours import STOPS, saliency_colours


def test_more_salient_is_lighter_throughout():
    table = saliency_colours()
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    light = table[: MAX_CODE + 1] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(light) > -0.7).all(), "a step of rounding apart"
    assert light[-1] - light[0] > 200
    assert (tuple(table[0]), tuple(table[MAX_CODE])) == (STOPS[0][1], STOPS[-1][1])
