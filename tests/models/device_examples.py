"""Crops to which nothing is done by chance, and a picture of coarse noise with two objects."""

from __future__ import annotations

import numpy as np

from models.crops import CropSettings
from models.data import Pair, make_pair

PLAIN = CropSettings(
    crop_px=64,
    **dict.fromkeys(
        ("wedge", "mirror", "colour", "haze", "grey", "noise", "stretch", "jpeg", "paste", "negatives"), 0.0
    ),
)


def coarse_pair(name: str = "one", side: int = 96) -> Pair:
    """Noise in squares of 8 px; the length of the name is its seed."""
    rng = np.random.default_rng(len(name))
    coarse = rng.integers(0, 256, (3, side // 8, side // 8), dtype=np.uint8)
    mask = np.zeros((side, side), dtype=bool)
    mask[20:30, 40:52] = mask[60:80, 8:18] = True
    return make_pair(name, coarse.repeat(8, 1).repeat(8, 2), mask)
