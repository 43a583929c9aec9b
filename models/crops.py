"""Crops: windows of pictures and masks, drawn and augmented; a function of (seed, step, place) alone.

So a resumed run sees what an unbroken one would have seen, and a worker draws its share of a batch alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as fn

from .data import CELL_PX, Pair


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How crops are drawn. Scales are zoom factors; probabilities are in 0..1."""

    crop_px: int = 320
    scale_min: float = 0.6
    scale_max: float = 1.6
    negatives: float = 0.2
    wedge: float = 0.06
    mirror: float = 0.12
    colour: float = 0.8
    haze: float = 0.15
    grey: float = 0.05


def draw_batch(
    pairs: Sequence[Pair], batch: int, settings: CropSettings, seed: int, step: int, first: int = 0
) -> tuple[Tensor, Tensor]:
    """Crops (batch, 3, S, S) float32 in 0..255 and their masks (batch, 1, S, S) of 0 and 1.

    A crop is a function of (seed, step, its place in the batch): a worker draws `first..first + batch` alone.
    """
    crops = []
    for index in range(first, first + batch):
        rng = np.random.default_rng([seed, step, index])
        crops.append(draw_crop(pairs[int(rng.integers(len(pairs)))], settings, rng))
    pixels, masks = zip(*crops, strict=True)
    return torch.stack(pixels), torch.stack(masks)


def draw_crop(pair: Pair, settings: CropSettings, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """One augmented crop: (3, S, S) float32 in 0..255 and its mask (1, S, S)."""
    scale = math.exp(rng.uniform(math.log(settings.scale_min), math.log(settings.scale_max)))
    side = min(round(settings.crop_px / scale), *pair.mask.shape)
    row, column = _place(pair, side, settings.negatives, rng)
    window = np.s_[row : row + side, column : column + side]
    pixels = torch.from_numpy(pair.pixels[:, *window].astype(np.float32))[None]
    mask = torch.from_numpy(pair.mask[window].astype(np.float32))[None, None]
    size = (settings.crop_px, settings.crop_px)
    if side != settings.crop_px:
        pixels = fn.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)
        mask = (
            fn.interpolate(mask, size=size, mode="bilinear", align_corners=False, antialias=True) > 0.5
        ).float()
    pixels, mask = _turn(pixels[0], mask[0], rng)
    if rng.random() < settings.mirror:
        pixels, mask = _mirror_edge(pixels, mask, rng)
    return _cut_wedge(_recolour(pixels, settings, rng), mask, settings.wedge, rng)


def _place(pair: Pair, side: int, negatives: float, rng: np.random.Generator) -> tuple[int, int]:
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


def _turn(pixels: Tensor, mask: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    pixels, mask = (torch.rot90(x, turns, (1, 2)) for x in (pixels, mask))
    return (pixels.flip(2), mask.flip(2)) if mirrored else (pixels, mask)


def _recolour(pixels: Tensor, settings: CropSettings, rng: np.random.Generator) -> Tensor:
    """Gain a channel, contrast, gamma, saturation, haze and sensor noise; each mild and at random."""
    x = pixels / 255
    if rng.random() < settings.colour:
        gains = torch.from_numpy(rng.uniform(0.9, 1.1, 3).astype(np.float32))[:, None, None] * rng.uniform(
            0.75, 1.25
        )
        mean = x.mean()
        x = ((x - mean) * rng.uniform(0.75, 1.3) + mean) * gains
        grey = x.mean(0, keepdim=True)
        x = (grey + (x - grey) * rng.uniform(0.6, 1.4)).clamp(0, 1) ** rng.uniform(0.75, 1.35)
    if rng.random() < settings.grey:
        x = x.mean(0, keepdim=True).expand(3, -1, -1)
    if rng.random() < settings.haze:
        x = x + (rng.uniform(0.6, 0.95) - x) * rng.uniform(0.1, 0.45)
    if rng.random() < 0.2:
        x = x + torch.from_numpy(rng.normal(0, rng.uniform(0.005, 0.03), x.shape).astype(np.float32))
    return x.clamp(0, 1) * 255


def _mirror_edge(pixels: Tensor, mask: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Keep a part of one axis and fold it back over the rest, as tiles at a scene's edge are filled up."""
    side, axis = pixels.shape[-1], int(rng.integers(1, 3))
    present = int(side * rng.uniform(0.08, 0.95))
    k = torch.arange(side) % (2 * (present - 1))
    index = torch.minimum(k, 2 * (present - 1) - k)
    return pixels.index_select(axis, index), mask.index_select(axis, index)


def _cut_wedge(
    pixels: Tensor, mask: Tensor, probability: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Sometimes black out one side of a slanted line, as the collar of a warped scene does."""
    if rng.random() >= probability:
        return pixels, mask
    side, angle = pixels.shape[-1], rng.uniform(0, 2 * math.pi)
    along = torch.linspace(-1, 1, side)
    distance = along[None] * math.cos(angle) + along[:, None] * math.sin(angle)
    kept = (distance < rng.uniform(0.0, 0.8)).float()
    return pixels * kept, mask * kept
