"""What is done to crops on the device: objects pasted, windows turned and resized, colours, codecs, edges.

A window (`Window`) holds pixels, a mask and every random number that was drawn for it, so `augment` itself
draws nothing. Geometry acts on pixels and mask alike, photometry on pixels only. kornia does what it has an
operation for; haze, noise, the stretch of 16-bit data, the folded edge and the wedge are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as fn

from .pasting import PastedObject


class Colour(NamedTuple):
    """Factors around 1, and gamma as an exponent; the last three are gains a channel."""

    brightness: float
    contrast: float
    saturation: float
    gamma: float
    red: float
    green: float
    blue: float


class Haze(NamedTuple):
    """The brightness of the haze and its share of the light, both 0..1."""

    light: float
    share: float


class Stretch(NamedTuple):
    """The quantiles a channel that become black and white, and the number of grey levels between them."""

    low: float
    high: float
    levels: float


class Fold(NamedTuple):
    """The axis of (B, C, H, W) of which `kept_px` stay and the rest is their reflection."""

    axis: int
    kept_px: int


class Wedge(NamedTuple):
    """The direction of the black side, in radians, and its distance from the middle in half sides."""

    angle: float
    offset: float


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """What is added to the pixels: (3, S, S) float32, of pixels in 0..1."""

    field: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A square of a picture and what becomes of it.

    pixels: (3, n, n) uint8, mask: (n, n) bool; objects are pasted, then it is flipped, turned by `turns`
    quarter turns and resized to crop_px. jpeg: the quality, 1..100. None: that step is left out.
    Raises ValueError for arrays of other shapes.
    """

    crop_px: int
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    turns: int = 0
    flipped: bool = False
    objects: tuple[PastedObject, ...] = ()
    colour: Colour | None = None
    grey: bool = False
    haze: Haze | None = None
    noise: Noise | None = None
    stretch: Stretch | None = None
    jpeg: float | None = None
    fold: Fold | None = None
    wedge: Wedge | None = None

    def __post_init__(self) -> None:
        side = self.mask.shape[0]
        if self.mask.shape != (side, side) or self.pixels.shape != (3, side, side) or side < 1:
            raise ValueError(
                "a window needs a square mask (n, n) and pixels (3, n, n), "
                f"found {self.mask.shape} and {self.pixels.shape}"
            )


def augment(windows: Sequence[Window], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Crops (B, 3, S, S) float32 in 0..255 and masks (B, 1, S, S) float32 of 0 and 1, on `device`.

    A crop is a function of its window alone. On a CPU that holds to the bit, because windows go one by one: a
    crop then stays in the cache, and the vector loops split as they would for it alone.
    Raises ValueError for no windows, or windows of different crop_px.
    """
    sizes = sorted({window.crop_px for window in windows})
    if len(sizes) != 1:
        raise ValueError(f"crops of a batch need one size, found crop_px {sizes} in {len(windows)} windows")
    device = torch.device(device)
    share = 1 if device.type == "cpu" else len(windows)
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        parts = [augment_together(windows[k : k + share], device) for k in range(0, len(windows), share)]
    pixels, masks = zip(*parts, strict=True)
    return torch.cat(pixels), torch.cat(masks)


def augment_together(windows: Sequence[Window], device: torch.device) -> tuple[Tensor, Tensor]:
    """As `augment`, all windows in one batch whatever the device."""
    cut = [_cut(window, device) for window in windows]
    pixels, mask = (torch.cat(part) for part in zip(*cut, strict=True))
    pixels = _change(pixels, [w.colour for w in windows], _recolour)
    pixels = _change(pixels, [(1.0,) if w.grey else None for w in windows], _drop_colour)
    pixels = _change(pixels, [w.haze for w in windows], _veil)
    pixels = _add_noise(pixels, [w.noise for w in windows])
    pixels = _change(pixels, [w.stretch for w in windows], _stretch)
    pixels = _change(pixels, [None if w.jpeg is None else (w.jpeg,) for w in windows], _compress)
    both = torch.cat((pixels * 255, mask), 1)
    both = _fold(both, [w.fold for w in windows])
    both = _change(both, [w.wedge for w in windows], _black_out)
    return both[:, :3].contiguous(), both[:, 3:].contiguous()


def _cut(window: Window, device: torch.device) -> tuple[Tensor, Tensor]:
    """Pixels (1, 3, S, S) in 0..1 and the mask (1, 1, S, S) of one window: pasted, turned and resized."""
    pixels = _to_device(window.pixels, device)[None].float() / 255
    mask = _to_device(window.mask, device)[None, None].float()
    for pasted in window.objects:
        _paste(pixels, mask, pasted)
    if window.flipped:
        pixels, mask = pixels.flip(3), mask.flip(3)
    pixels, mask = (torch.rot90(x, window.turns, (2, 3)) for x in (pixels, mask))
    size = (window.crop_px, window.crop_px)
    return _resize(pixels, size), (_resize(mask, size) > 0.5).float()


def _paste(pixels: Tensor, mask: Tensor, pasted: PastedObject) -> None:
    """Blend an object into pixels and mask, in place; its edge is softened over about two pixels."""
    from kornia.filters import gaussian_blur2d

    size = (pasted.height_px, pasted.width_px)
    shape = _resize(_to_device(pasted.mask, mask.device)[None, None].float(), size)
    colours = _resize(_to_device(pasted.pixels, mask.device)[None].float() / 255, size)
    solid = (shape > 0.5).float()
    place = np.s_[..., pasted.row : pasted.row + size[0], pasted.column : pasted.column + size[1]]
    alpha = gaussian_blur2d(solid, 5, (1.0, 1.0), border_type="replicate")
    pixels[place] = torch.lerp(pixels[place], colours, alpha)
    mask[place] = torch.maximum(mask[place], solid)


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if x.shape[-2:] == size:
        return x
    return fn.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)


def _change(
    x: Tensor, values: Sequence[Sequence[float] | None], change: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Change those pictures of x (B, C, S, S) that have a value, by change(pictures, values (n, k))."""
    chosen = [place for place, value in enumerate(values) if value is not None]
    if not chosen:
        return x
    table = torch.tensor([v for v in values if v is not None], dtype=x.dtype, device=x.device)
    if len(chosen) == len(values):
        return change(x, table)
    places = torch.tensor(chosen, device=x.device)
    return x.index_copy(0, places, change(x.index_select(0, places), table))


def _recolour(x: Tensor, values: Tensor) -> Tensor:
    """The steps of `Colour`, in the order of its fields but with gamma last."""
    from kornia import enhance

    brightness, contrast, saturation, gamma = values[:, :4].unbind(1)
    x = enhance.adjust_contrast_with_mean_subtraction(x, contrast)
    x = enhance.adjust_brightness_accumulative(x * values[:, 4:, None, None], brightness)
    x = enhance.adjust_saturation_with_gray_subtraction(x, saturation)
    return enhance.adjust_gamma(x, gamma)


def _drop_colour(x: Tensor, _: Tensor) -> Tensor:
    from kornia.color import rgb_to_grayscale

    return rgb_to_grayscale(x).repeat(1, 3, 1, 1)


def _veil(x: Tensor, values: Tensor) -> Tensor:
    light, share = values[:, :, None, None, None].unbind(1)
    return x + (light - x) * share


def _add_noise(x: Tensor, noises: Sequence[Noise | None]) -> Tensor:
    for place, noise in enumerate(noises):
        if noise is not None:
            x[place] += _to_device(noise.field, x.device)
            x[place].clamp_(0, 1)
    return x


def _stretch(x: Tensor, values: Tensor) -> Tensor:
    """Few grey levels a channel, pulled apart to the full range, as viewers do with 12 and 16-bit data.

    Quantiles come from every fourth pixel of both axes, as sorting all would cost more than all other steps.
    A channel is pulled apart at most eightfold: calm sea would become pure noise.
    """
    low, high, levels = values[:, :, None, None].unbind(1)
    ordered = x[:, :, ::4, ::4].flatten(2).sort(2).values
    last = ordered.shape[2] - 1
    black, white = (
        ordered.gather(2, (q * last).round().long().expand(-1, 3, -1))[..., None] for q in (low, high)
    )
    steps = levels[..., None] - 1
    stretched = ((x - black) / (white - black).clamp_min(1 / 8)).clamp(0, 1)
    return (stretched * steps).round() / steps


def _compress(x: Tensor, quality: Tensor) -> Tensor:
    """JPEG there and back, quality 1..100 (n, 1)."""
    from kornia.enhance import jpeg_codec_differentiable

    return jpeg_codec_differentiable(x, quality[:, 0]).clamp(0, 1)


def _fold(x: Tensor, folds: Sequence[Fold | None]) -> Tensor:
    """Fold a part of one axis back over the rest, as tiles at a scene's edge are filled up."""
    for place, fold in enumerate(folds):
        if fold is not None:
            period = 2 * (fold.kept_px - 1)
            k = torch.arange(x.shape[fold.axis], device=x.device) % period
            x[place] = x[place].index_select(fold.axis - 1, torch.minimum(k, period - k))
    return x


def _black_out(x: Tensor, values: Tensor) -> Tensor:
    """Nothing beyond a slanted line, as in the collar of a warped scene."""
    angle, offset = values[:, :, None, None, None].unbind(1)
    along = torch.linspace(-1, 1, x.shape[-1], device=x.device)
    distance = along * angle.cos() + along[:, None] * angle.sin()
    return x * (distance < offset)


def _to_device(array: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device, non_blocking=True)
