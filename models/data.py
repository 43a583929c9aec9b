"""Training pairs: pictures and masks matched by stem, and the augmented crops drawn from them.

A batch is a function of (seed, step) alone, so that a resumed run sees what an unbroken one would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as fn

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
CELL_PX = 16


class DataError(ValueError):
    """The training data has mistakes; the message lists all of them, a line each, with the files' names."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture (3, H, W) uint8, its mask (H, W) bool, and the cells of CELL_PX that hold salient pixels.

    cells: (n, 2) row and column of each such cell, in cells.
    """

    name: str
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    cells: NDArray[np.int64]


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


def find_pairs(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Pictures and masks of the same stem, sorted. Raises DataError when a file has no partner or two."""
    pictures, masks = (_by_stem(folder) for folder in (images, labels))
    mistakes = [
        f"{p}: two files of one stem" for found in (pictures, masks) for ps in found.values() for p in ps[1:]
    ]
    mistakes += [
        f"{pictures[s][0]}: no mask of that stem in {labels}" for s in sorted(set(pictures) - set(masks))
    ]
    mistakes += [
        f"{masks[s][0]}: no picture of that stem in {images}" for s in sorted(set(masks) - set(pictures))
    ]
    if not pictures:
        mistakes.append(f"{images}: no pictures ({', '.join(SUFFIXES)})")
    _refuse(mistakes)
    return [(pictures[stem][0], masks[stem][0]) for stem in sorted(pictures)]


def load_pairs(files: Sequence[tuple[Path, Path]]) -> list[Pair]:
    """Read all pairs into memory. Raises DataError that lists every unreadable or mismatched file."""
    pairs, mistakes = [], []
    for picture, mask in files:
        try:
            pairs.append(_load_pair(picture, mask))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            mistakes.append(f"{picture}, {mask}: {error}")
    _refuse(mistakes)
    return pairs


def make_pair(name: str, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Pair:
    """Check the shapes and find the salient cells. Raises ValueError when the sizes differ."""
    if pixels.shape[1:] != mask.shape:
        raise ValueError(
            f"picture is {pixels.shape[2]}x{pixels.shape[1]}, mask {mask.shape[1]}x{mask.shape[0]}"
        )
    rows, columns = (n // CELL_PX * CELL_PX for n in mask.shape)
    blocks = mask[:rows, :columns].reshape(rows // CELL_PX, CELL_PX, columns // CELL_PX, CELL_PX)
    return Pair(name, pixels, mask, np.argwhere(blocks.any((1, 3))))


def split_pairs(count: int, held_out: int, seed: int) -> tuple[list[int], list[int]]:
    """Indices for training and for validation, by a seeded draw."""
    order = np.random.default_rng(seed).permutation(count)
    return sorted(order[held_out:].tolist()), sorted(order[:held_out].tolist())


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


def _load_pair(picture: Path, mask: Path) -> Pair:
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB")).transpose(2, 0, 1).copy()
    with Image.open(mask) as opened:
        salient = np.asarray(opened.convert("L")) > 127
    return make_pair(picture.stem, pixels, salient)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            found.setdefault(path.stem, []).append(path)
    return found


def _refuse(mistakes: Sequence[str]) -> None:
    if mistakes:
        raise DataError(f"{len(mistakes)} mistakes in the training data:\n" + "\n".join(mistakes))
