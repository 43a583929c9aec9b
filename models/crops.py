"""Crops: windows of pictures and masks, and what becomes of them; a function of (seed, step, place) alone.

So a resumed run sees what an unbroken one would have seen, and a worker draws its share of a batch alone.
This half runs on the host and is cheap; `augmentation` does the work on the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .augmentation import Colour, Fold, Haze, Noise, Stretch, Wedge, Window, augment
from .config import ConfigError
from .data import CELL_PX, Pair
from .mixing import Source, draw_pair
from .pasting import draw_objects

STEP_PX = 32  # JPEG works in blocks of 16, the network's coarsest maps have a stride of 32
PROBABILITIES = (
    "negatives",
    "wedge",
    "mirror",
    "colour",
    "haze",
    "grey",
    "noise",
    "stretch",
    "jpeg",
    "paste",
)


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How crops are drawn. Scales are zoom factors; the others are probabilities in 0..1.

    negatives: a window without objects (before any are pasted). wedge: a black side, as a warped scene's
    collar. mirror: a folded edge, as at a scene's rim. colour: gains, contrast, saturation and gamma.
    stretch: 16-bit data stretched to 8 bits. paste: one to three objects of another picture drawn.
    Raises ConfigError that names the field.
    """

    crop_px: int = 320
    scale_min: float = 0.6
    scale_max: float = 1.6
    negatives: float = 0.2
    wedge: float = 0.06
    mirror: float = 0.12
    colour: float = 0.8
    haze: float = 0.15
    grey: float = 0.05
    noise: float = 0.2
    stretch: float = 0.1
    jpeg: float = 0.15
    paste: float = 0.25

    def __post_init__(self) -> None:
        size = self.crop_px
        if not isinstance(size, int) or isinstance(size, bool) or size < STEP_PX or size % STEP_PX:
            raise ConfigError(f"crops.crop_px must be a positive multiple of {STEP_PX}, found {size!r}")
        for name in ("scale_min", "scale_max"):
            value = getattr(self, name)
            if not _is_number(value) or not 0.01 <= value <= 100:
                raise ConfigError(f"crops.{name} must be a zoom factor in .01..100, found {value!r}")
        if self.scale_min > self.scale_max:
            raise ConfigError(f"crops.scale_min {self.scale_min} is above crops.scale_max {self.scale_max}")
        for name in PROBABILITIES:
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= 1:
                raise ConfigError(f"crops.{name} must be a probability in 0..1, found {value!r}")


def draw_batch(
    source: Source,
    batch: int,
    settings: CropSettings,
    seed: int,
    step: int,
    first: int = 0,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Crops (batch, 3, S, S) float32 in 0..255 and their masks (batch, 1, S, S) of 0 and 1, on `device`.

    A crop is a function of (seed, step, its place in the batch): a worker draws `first..first + batch` alone.
    """
    return augment(draw_windows(source, batch, settings, seed, step, first), device)


def draw_windows(
    source: Source, batch: int, settings: CropSettings, seed: int, step: int, first: int = 0
) -> tuple[Window, ...]:
    """The windows of places `first..first + batch` of a global batch, with everything random about them.

    Raises ValueError for a batch below 1 or a picture without pixels.
    """
    if batch < 1:
        raise ValueError(f"a batch needs at least one crop, found {batch}")
    return tuple(
        draw_window(source, settings, np.random.default_rng([seed, step, index]))
        for index in range(first, first + batch)
    )


def draw_window(source: Source, settings: CropSettings, rng: np.random.Generator) -> Window:
    """One window of a picture drawn from `source`."""
    pair = draw_pair(source, rng)
    scale = math.exp(rng.uniform(math.log(settings.scale_min), math.log(settings.scale_max)))
    side = min(max(round(settings.crop_px / scale), 1), *pair.mask.shape)
    if side < 1:
        raise ValueError(f"cannot draw a crop of {pair.name}: it is {pair.mask.shape} pixels")
    row, column = place_window(pair, side, settings.negatives, rng)
    mask = pair.mask[row : row + side, column : column + side].copy()
    pasting = rng.random() < settings.paste
    return Window(
        crop_px=settings.crop_px,
        pixels=pair.pixels[:, row : row + side, column : column + side].copy(),
        mask=mask,
        turns=int(rng.integers(4)),
        flipped=bool(rng.random() < 0.5),
        objects=draw_objects(draw_pair(source, rng), mask, rng) if pasting else (),
        colour=_draw_colour(rng) if rng.random() < settings.colour else None,
        grey=bool(rng.random() < settings.grey),
        haze=Haze(rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.45)) if rng.random() < settings.haze else None,
        noise=_draw_noise(settings.crop_px, rng) if rng.random() < settings.noise else None,
        stretch=_draw_stretch(rng) if rng.random() < settings.stretch else None,
        jpeg=float(rng.integers(30, 96)) if rng.random() < settings.jpeg else None,
        fold=_draw_fold(settings.crop_px, rng) if rng.random() < settings.mirror else None,
        wedge=Wedge(rng.uniform(0, 2 * math.pi), rng.uniform(0.0, 0.8))
        if rng.random() < settings.wedge
        else None,
    )


def place_window(pair: Pair, side: int, negatives: float, rng: np.random.Generator) -> tuple[int, int]:
    """Where the window goes: anywhere without objects, or so that it holds a salient cell drawn at random."""
    height, width = pair.mask.shape
    if rng.random() < negatives or not len(pair.cells):
        row, column = 0, 0
        for _ in range(12):
            row, column = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
            if not pair.mask[row : row + side, column : column + side].any():
                break
        return row, column
    cell_row, cell_column = pair.cells[rng.integers(len(pair.cells))] * CELL_PX + CELL_PX // 2
    row, column = (int(c - rng.uniform(0.1, 0.9) * side) for c in (cell_row, cell_column))
    return min(max(row, 0), height - side), min(max(column, 0), width - side)


def _draw_colour(rng: np.random.Generator) -> Colour:
    """Gain, contrast, saturation and gamma, each mild; the channels' gains differ by a tenth."""
    red, green, blue = (rng.uniform(0.9, 1.1) for _ in range(3))
    return Colour(
        brightness=rng.uniform(0.75, 1.25),
        contrast=rng.uniform(0.75, 1.3),
        saturation=rng.uniform(0.6, 1.4),
        gamma=rng.uniform(0.75, 1.35),
        red=red,
        green=green,
        blue=blue,
    )


def _draw_noise(crop_px: int, rng: np.random.Generator) -> Noise:
    """Drawn on the host, so that a crop is the same on every device."""
    strength = rng.uniform(0.005, 0.03)
    field: NDArray[np.float32] = rng.standard_normal((3, crop_px, crop_px), dtype=np.float32)
    field *= np.float32(strength)
    return Noise(field)


def _draw_stretch(rng: np.random.Generator) -> Stretch:
    """Half by minimum and maximum, half with up to 3 % cut off at each end; 24 to 160 levels in between."""
    cut = rng.random() < 0.5
    low, high = (rng.uniform(0.002, 0.03) if cut else 0.0 for _ in range(2))
    return Stretch(low, 1 - high, float(round(math.exp(rng.uniform(math.log(24), math.log(160))))))


def _draw_fold(crop_px: int, rng: np.random.Generator) -> Fold:
    """Keep 8 to 95 % of one axis."""
    return Fold(axis=int(rng.integers(2, 4)), kept_px=max(2, int(crop_px * rng.uniform(0.08, 0.95))))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
