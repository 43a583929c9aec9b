"""Colours, haze, noise, stretches, JPEG and wedges of a whole batch, by a row of numbers a crop.

What `augmentation` does picture by picture; a step that a crop does not have is drawn as numbers that change
nothing, so a batch takes the same few kernels whatever was drawn. Only the stretch and JPEG, which few crops
have and which are dear, act on those alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as fn

from .crops import CropSettings

COLUMNS = 17
GAINS, BRIGHT, CONTRAST, SATURATION, GAMMA = slice(0, 3), 3, 4, 5, 6
GREY, LIGHT, HAZE, NOISE = 7, 8, 9, 10
LOW, HIGH, LEVELS, QUALITY, ANGLE, OFFSET = 11, 12, 13, 14, 15, 16
NOTHING = (1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 10)
"""A row that leaves a crop as it is."""
LUMA = (0.299, 0.587, 0.114)
# ITU T.81, annex K: the tables that quality scales.
LUMA_TABLE = """
16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99
"""
CHROMA_TABLE = "17 18 24 47 18 21 26 66 24 26 56 99 47 66 99 99"


def draw_photometry(settings: CropSettings, rng: np.random.Generator) -> list[float]:
    """One crop's row; the ranges are those of `crops.draw_window`."""
    row = [float(value) for value in NOTHING]
    if rng.random() < settings.colour:
        row[:7] = [*rng.uniform(0.9, 1.1, 3), *rng.uniform((0.75, 0.75, 0.6, 0.75), (1.25, 1.3, 1.4, 1.35))]
    if rng.random() < settings.grey:
        row[GREY] = 1.0
    if rng.random() < settings.haze:
        row[LIGHT], row[HAZE] = rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.45)
    if rng.random() < settings.noise:
        row[NOISE] = rng.uniform(0.005, 0.03)
    if rng.random() < settings.stretch:
        cut = rng.random() < 0.5
        low, high = (rng.uniform(0.002, 0.03) if cut else 0.0 for _ in range(2))
        levels = round(math.exp(rng.uniform(math.log(24), math.log(160))))
        row[LOW], row[HIGH], row[LEVELS] = low, 1 - high, float(levels)
    if rng.random() < settings.jpeg:
        row[QUALITY] = float(rng.integers(30, 96))
    if rng.random() < settings.wedge:
        row[ANGLE], row[OFFSET] = rng.uniform(0, 2 * math.pi), rng.uniform(0.0, 0.8)
    return row


def recolour(
    x: Tensor, rows: Tensor, on_host: NDArray[np.float32], generator: torch.Generator | None = None
) -> Tensor:
    """Crops (B, 3, S, S) in 0..1 changed by rows (B, COLUMNS), of which the host has its own copy.

    generator: on the device of x, for the noise.
    """
    v = rows[:, :, None, None, None]
    grey_mean = _grey(x).mean((2, 3), keepdim=True)
    x = (grey_mean + (x - grey_mean) * v[:, CONTRAST]).clamp(0, 1)
    x = (x * rows[:, GAINS, None, None] * v[:, BRIGHT]).clamp(0, 1)
    grey = _grey(x)
    x = (grey + (x - grey) * v[:, SATURATION]).clamp(0, 1)
    x = x.clamp(min=1e-6) ** v[:, GAMMA]
    x = torch.lerp(x, _grey(x).expand_as(x), v[:, GREY])
    x = x + (v[:, LIGHT] - x) * v[:, HAZE]
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    x = (x + noise * v[:, NOISE]).clamp(0, 1)
    x = _for_some(x, rows, np.flatnonzero(on_host[:, LEVELS] > 0), _stretch)
    x = _for_some(x, rows, np.flatnonzero(on_host[:, QUALITY] > 0), _compress)
    return x


def inside_wedge(rows: Tensor, side: int) -> Tensor:
    """(B, 1, S, S) of 0 and 1: what lies on this side of a slanted line, as in a warped scene's collar."""
    angle, offset = (rows[:, k, None, None, None] for k in (ANGLE, OFFSET))
    along = torch.linspace(-1, 1, side, device=rows.device)
    distance = along * angle.cos() + along[:, None] * angle.sin()
    return (distance < offset).float()


def _grey(x: Tensor) -> Tensor:
    return LUMA[0] * x[:, :1] + LUMA[1] * x[:, 1:2] + LUMA[2] * x[:, 2:3]


def _for_some(
    x: Tensor, rows: Tensor, chosen: NDArray[np.int64], change: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    if not len(chosen):
        return x
    index = torch.from_numpy(chosen)
    index = index.pin_memory().to(x.device, non_blocking=True) if x.is_cuda else index
    return x.index_copy(0, index, change(x[index], rows[index]))


def _stretch(x: Tensor, rows: Tensor) -> Tensor:
    """As `augmentation._stretch`: few grey levels a channel, pulled apart to the full range."""
    ordered = x[:, :, ::4, ::4].flatten(2).sort(2).values
    last = ordered.shape[2] - 1
    black, white = (
        ordered.gather(2, (rows[:, k, None, None] * last).round().long().expand(-1, 3, -1))[..., None]
        for k in (LOW, HIGH)
    )
    steps = rows[:, LEVELS, None, None, None] - 1
    stretched = ((x - black) / (white - black).clamp_min(1 / 8)).clamp(0, 1)
    return (stretched * steps).round() / steps


def _compress(x: Tensor, rows: Tensor) -> Tensor:
    """JPEG there and back: chroma at half the size, 8x8 DCT, the standard tables scaled as libjpeg does."""
    red, green, blue = (x * 255).unbind(1)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    chroma = torch.stack([(blue - luma) * 0.564, (red - luma) * 0.713], 1)
    quality = rows[:, QUALITY]
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None, None, None, None]
    luma = _quantise((luma - 128)[:, None], _table(LUMA_TABLE, x.device), scale)[:, 0] + 128
    small = _quantise(fn.avg_pool2d(chroma, 2), _table(CHROMA_TABLE, x.device), scale)
    blues, reds = fn.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False).unbind(1)
    green = luma - 0.344 * blues - 0.714 * reds
    return (torch.stack([luma + 1.403 * reds, green, luma + 1.773 * blues], 1) / 255).clamp(0, 1)


def _quantise(x: Tensor, table: Tensor, scale: Tensor) -> Tensor:
    """(B, C, H, W), sides multiples of 8, through the quantised DCT and back."""
    batch, channels, height, width = x.shape
    steps = ((table * scale + 50) / 100).floor().clamp(1, 255)
    dct = _dct(x.device)
    blocks = x.reshape(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    coded = ((dct @ blocks @ dct.T) / steps).round() * steps
    return (dct.T @ coded @ dct).transpose(3, 4).reshape(x.shape)


def _dct(device: torch.device) -> Tensor:
    k = torch.arange(8.0, device=device)
    basis = torch.cos((2 * k + 1) * k[:, None] * math.pi / 16) / 2
    return torch.where(k[:, None] == 0, basis / math.sqrt(2), basis)


@lru_cache
def _table(text: str, device: torch.device) -> Tensor:
    values = torch.tensor([float(n) for n in text.split()])
    side = math.isqrt(len(values))
    table = torch.full((8, 8), 99.0)
    table[:side, :side] = values.view(side, side)
    return table.to(device, non_blocking=True)
