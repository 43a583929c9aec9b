"""Crops made on the device in batches, from pictures that lie there: drawn on the host, cut by one gather.

All pictures of a training are kept on the device, a 32-bit word a pixel: red, green, blue and the number of
the object that it belongs to. What a crop is made of is drawn on the host, as a row of numbers
(`draw_sheet`), a function of (seed, step, place) alone; cutting, turning, resizing, pasting and colours then
are a few kernels for the whole batch, and nothing waits for the device. Rows are the draws of
`crops.draw_window` but for the placing of pasted objects, which are chosen one as likely as the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as fn

from .crops import CropSettings, place_window
from .data import Pair
from .device_photometry import COLUMNS, draw_photometry, inside_wedge, recolour
from .pasting import LARGEST_SHARE, OBJECTS_MAX, SMALLEST_PX, ZOOMS

OBJECTS_KEPT = 254
"""Objects of a picture beyond these share the last number, and are never pasted."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object of a picture: its number, its middle (row, column) and its longer side, in pixels."""

    number: int
    row: float
    column: float
    longest_px: int


@dataclass(frozen=True, slots=True, eq=False)
class DevicePictures:
    """Pictures on the device. words (n,) int32; first, heights, widths (P,) int64; pairs and objects stay
    on the host.
    """

    pairs: Sequence[Pair]
    objects: tuple[tuple[Found, ...], ...]
    words: Tensor
    first: Tensor
    heights: Tensor
    widths: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A batch as numbers on the host: a row a crop, and a row a pasted object.

    crops (B, 8) float32: picture, middle row and column, step a pixel as a 2x2 matrix (row by y, row by x,
    column by y, column by x), the fold as kept pixels, negative along x, 0 for none. photometry (B, COLUMNS).
    pasted (n, 11): crop, its middle row and column in the crop, then picture, object, middle and matrix.
    noise_seed: of the generator on the device that noise is drawn from.
    """

    crop_px: int
    noise_seed: int
    crops: NDArray[np.float32]
    photometry: NDArray[np.float32]
    pasted: NDArray[np.float32]


def to_device(pairs: Sequence[Pair], device: torch.device | str) -> DevicePictures:
    """Number each picture's objects and lay all pictures out on `device`."""
    words, objects = [], []
    for pair in pairs:
        labels, count = ndimage.label(pair.mask, np.ones((3, 3)))
        objects.append(_find_objects(labels, min(count, OBJECTS_KEPT)))
        red, green, blue = pair.pixels.astype(np.uint32)
        number = np.minimum(labels, OBJECTS_KEPT + 1).astype(np.uint32)
        words.append((red | green << 8 | blue << 16 | number << 24).view(np.int32).ravel())
    sizes = np.array([pair.mask.shape for pair in pairs], dtype=np.int64)
    ends = np.cumsum(sizes.prod(1))
    tables = (ends - sizes.prod(1), sizes[:, 0], sizes[:, 1])
    first, heights, widths = (torch.from_numpy(t.copy()).to(device) for t in tables)
    joined = torch.from_numpy(np.concatenate(words)).to(device)
    return DevicePictures(pairs, tuple(objects), joined, first, heights, widths)


def draw_sheet(
    pictures: DevicePictures, batch: int, settings: CropSettings, seed: int, step: int, first: int = 0
) -> Sheet:
    """Draw the rows of a batch; a row is a function of (seed, step, its place in the batch)."""
    crops, photometry, pasted = [], [], []
    for place in range(batch):
        rng = np.random.default_rng([seed, step, first + place])
        row, side = _draw_crop(pictures, settings, rng)
        crops.append(row)
        if rng.random() < settings.paste:
            scale = settings.crop_px / side
            pasted += [[place, *each] for each in _draw_pasted(pictures, settings.crop_px, scale, rng)]
        photometry.append(draw_photometry(settings, rng))
    return Sheet(
        settings.crop_px,
        int(np.random.SeedSequence([seed, step, first]).generate_state(1)[0]),
        np.array(crops, dtype=np.float32),
        np.array(photometry, dtype=np.float32).reshape(batch, COLUMNS),
        np.array(pasted, dtype=np.float32).reshape(-1, 11),
    )


@torch.no_grad()
def make_crops(pictures: DevicePictures, sheet: Sheet) -> tuple[Tensor, Tensor]:
    """Pixels (B, 3, S, S) float32 in 0..255 and masks (B, 1, S, S) of 0 and 1, on the pictures' device."""
    device = pictures.words.device
    crops, photometry, pasted = (
        _upload(table, device) for table in (sheet.crops, sheet.photometry, sheet.pasted)
    )
    where = folded_grid(crops[:, 7], sheet.crop_px)
    middle = (sheet.crop_px - 1) / 2
    rows, columns = _locate(where - middle, crops[:, 3:7], crops[:, 1:3])
    pixels, share = sample(pictures, crops[:, 0].long(), rows, columns, crops[:, 3:7])
    mask = (share > 0.5).float()
    for turn in range(OBJECTS_MAX):
        chosen = _nth_of_crop(sheet.pasted[:, 0], turn)
        if len(chosen):
            rows_here = pasted[_upload(chosen, device)]
            pixels, mask = _paste(pictures, pixels, mask, rows_here, crops[:, 7])
    noise = torch.Generator(device).manual_seed(sheet.noise_seed)
    pixels = recolour(pixels / 255, photometry, sheet.photometry, noise) * 255
    seen = inside_wedge(photometry, sheet.crop_px)
    return pixels * seen, mask * seen


def sample(
    pictures: DevicePictures,
    picture: Tensor,
    rows: Tensor,
    columns: Tensor,
    steps: Tensor,
    number: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Colours (B, 3, S, S) in 0..255 and the share (B, 1, S, S) of salient pixels at rows, columns (B, S, S).

    Bilinear; where a step is longer than a pixel, the mean of four places around. Beyond a picture its
    edge goes on. number (B): only that object counts as salient.
    """
    # As wide, by its variance, as the triangle of an antialiased resize; bilinear reading alone has 1 / 6.
    step = (steps.abs().sum(1) / 2).clamp(min=1)
    shift = ((step.square() - 1) / 6).sqrt()[:, None, None]
    corners = [
        _bilinear(pictures, picture, rows + up * shift, columns + left * shift, number)
        for up, left in ((-1, -1), (-1, 1), (1, -1), (1, 1))
    ]
    mean = torch.stack(corners).mean(0)
    return mean[:, :3], mean[:, 3:]


def _bilinear(
    pictures: DevicePictures, picture: Tensor, rows: Tensor, columns: Tensor, number: Tensor | None
) -> Tensor:
    first, height, width = (
        table[picture][:, None, None] for table in (pictures.first, pictures.heights, pictures.widths)
    )
    rows = torch.minimum(rows.clamp(min=0), (height - 1).float())
    columns = torch.minimum(columns.clamp(min=0), (width - 1).float())
    top, left = rows.long(), columns.long()
    below, beside = torch.minimum(top + 1, height - 1), torch.minimum(left + 1, width - 1)
    down, right = rows - top, columns - left
    # All four neighbours by one gather: a batch costs launches, not arithmetic.
    lines = first + torch.stack([top, below]) * width
    places = torch.stack([lines + left, lines + beside])
    shares = torch.stack([1 - right, right])[:, None] * torch.stack([1 - down, down])
    return (_unpack(pictures.words[places], number) * shares[:, :, :, None]).sum((0, 1))


def _unpack(words: Tensor, number: Tensor | None) -> Tensor:
    """(2, 2, B, S, S) words to (2, 2, B, 4, S, S) float32: three colours, and whether it is salient."""
    kind = (words >> 24) & 255
    salient = kind > 0 if number is None else kind == number[:, None, None]
    colours = [(words >> shift) & 255 for shift in (0, 8, 16)]
    return torch.stack([*colours, salient.int()], dim=3).float()


def folded_grid(folds: Tensor, crop_px: int) -> Tensor:
    """(2, B, S, S) the row and the column that each pixel of a crop shows: its own, or that of its fold."""
    along = torch.arange(crop_px, device=folds.device).float()
    kept = folds.abs()[:, None].clamp(min=2)
    period = 2 * (kept - 1)
    turned = torch.remainder(along, period)
    bent = torch.minimum(turned, period - turned)
    down = torch.where((folds > 0)[:, None], bent, along)[:, :, None].expand(-1, -1, crop_px)
    across = torch.where((folds < 0)[:, None], bent, along)[:, None, :].expand(-1, crop_px, -1)
    return torch.stack([down, across])


def _locate(where: Tensor, matrix: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns (B, S, S) in the picture of places (2, B, S, S) from a middle, by a matrix (B, 4)."""
    down, across = where
    m = matrix[:, :, None, None]
    rows = middle[:, 0, None, None] + m[:, 0] * down + m[:, 1] * across
    columns = middle[:, 1, None, None] + m[:, 2] * down + m[:, 3] * across
    return rows, columns


def _paste(
    pictures: DevicePictures, pixels: Tensor, mask: Tensor, pasted: Tensor, folds: Tensor
) -> tuple[Tensor, Tensor]:
    """Blend one object a row into its crop, its edge softened; one that would lie on another is left out."""
    crop = pasted[:, 0].long()
    where = folded_grid(folds[crop], pixels.shape[-1]) - pasted[:, 1:3].T[:, :, None, None]
    rows, columns = _locate(where, pasted[:, 7:11], pasted[:, 5:7])
    colours, share = sample(pictures, pasted[:, 3].long(), rows, columns, pasted[:, 7:11], pasted[:, 4].int())
    solid = (share > 0.5).float()
    free = 1 - (solid * mask[crop]).amax((1, 2, 3), keepdim=True)
    alpha = _blur(solid) * free
    pixels = pixels.index_copy(0, crop, torch.lerp(pixels[crop], colours, alpha))
    return pixels, mask.index_copy(0, crop, torch.maximum(mask[crop], solid * free))


def _blur(x: Tensor) -> Tensor:
    """A Gaussian of one pixel, 5x5."""
    along = torch.arange(-2.0, 3.0, device=x.device)
    kernel = torch.exp(-along.square() / 2)
    kernel = kernel / kernel.sum()
    padded = fn.pad(x, (2, 2, 2, 2), mode="replicate")
    return fn.conv2d(fn.conv2d(padded, kernel.view(1, 1, 5, 1)), kernel.view(1, 1, 1, 5))


def _nth_of_crop(crops: NDArray[np.float32], turn: int) -> NDArray[np.int64]:
    """The rows that are the `turn`-th of their crop; crops are in rising order."""
    before = np.searchsorted(crops, crops, side="left")
    return np.flatnonzero(np.arange(len(crops)) - before == turn)


def _draw_crop(
    pictures: DevicePictures, settings: CropSettings, rng: np.random.Generator
) -> tuple[list[float], int]:
    index = int(rng.integers(len(pictures.pairs)))
    pair = pictures.pairs[index]
    scale = math.exp(rng.uniform(math.log(settings.scale_min), math.log(settings.scale_max)))
    side = min(max(round(settings.crop_px / scale), 1), *pair.mask.shape)
    row, column = place_window(pair, side, settings.negatives, rng)
    matrix = turned(int(rng.integers(4)), bool(rng.random() < 0.5), side / settings.crop_px)
    fold = 0.0
    if rng.random() < settings.mirror:
        fold = max(2, int(settings.crop_px * rng.uniform(0.08, 0.95))) * (1 if rng.random() < 0.5 else -1)
    middle = (side - 1) / 2
    return [index, row + middle, column + middle, *matrix, fold], side


def _draw_pasted(
    pictures: DevicePictures, crop_px: int, scale: float, rng: np.random.Generator
) -> list[list[float]]:
    """One to three objects of one picture, each no longer than a third of the crop."""
    index = int(rng.integers(len(pictures.pairs)))
    objects = pictures.objects[index]
    rows = []
    for _ in range(int(rng.integers(1, OBJECTS_MAX + 1)) if objects else 0):
        zoom = scale * math.exp(rng.uniform(*np.log(ZOOMS)))
        one = objects[int(rng.integers(len(objects)))]
        margin = one.longest_px * zoom / 2
        if 2 * margin <= crop_px * LARGEST_SHARE:
            row, column = (rng.uniform(margin, crop_px - 1 - margin) for _ in range(2))
            matrix = turned(int(rng.integers(4)), bool(rng.random() < 0.5), 1 / zoom)
            rows.append([row, column, index, one.number, one.row, one.column, *matrix])
    return rows


def turned(quarters: int, mirrored: bool, step: float) -> tuple[float, float, float, float]:
    """The matrix (row by y, row by x, column by y, column by x) of quarter turns, a mirror and a step."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    flip = -1 if mirrored else 1
    return cos * step, -sin * step * flip, sin * step, cos * step * flip


def _find_objects(labels: NDArray[np.int32], count: int) -> tuple[Found, ...]:
    """Those of at least 4 px that no edge of the picture cuts off."""
    found = []
    height, width = labels.shape
    for number, box in enumerate(ndimage.find_objects(labels, count), 1):
        rows, columns = box
        longest = max(rows.stop - rows.start, columns.stop - columns.start)
        inside = rows.start > 0 and columns.start > 0 and rows.stop < height and columns.stop < width
        if inside and longest >= SMALLEST_PX:
            middle = ((rows.start + rows.stop - 1) / 2, (columns.start + columns.stop - 1) / 2)
            found.append(Found(number, *middle, longest))
    return tuple(found)


def _upload(table: NDArray[np.generic], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(table)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
