"""What a user would pick instead of the student: a plain FPN and a plain U-Net on EfficientNet-Lite.

Both are as in their papers, at widths that make them about as large as the student. They take pixels
(B, 3, H, W) in 0..255 of any size, and give saliency (B, 1, H, W) in 0..1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from models.sgddiff import pad_to_multiple
from models.stem import EfficientNetLite, load_imagenet_weights, normalise_pixels

MULTIPLE_PX = 32
SALIENT_SHARE = 0.05


class Rival(nn.Module):
    """The encoder, a decoder that gives logits at the finest stride it reads, and their enlargement."""

    def __init__(self, stem: EfficientNetLite, decoder: nn.Module, stride: int) -> None:
        super().__init__()
        self.stem, self.decoder, self.stride = stem, decoder, stride

    def logits(self, pixels: Tensor) -> Tensor:
        """(B, 1, H, W) of pixels whose sides are multiples of 32."""
        maps = self.stem(normalise_pixels(pixels).contiguous(memory_format=torch.channels_last))
        return fn.interpolate(
            self.decoder(maps), scale_factor=self.stride, mode="bilinear", align_corners=False
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Saliency of pictures of any size."""
        height, width = pixels.shape[-2:]
        return torch.sigmoid(self.logits(pad_to_multiple(pixels, MULTIPLE_PX)))[..., :height, :width]


class FPNDecoder(nn.Module):
    """A feature pyramid (Lin et al. 2017) and the head of Panoptic FPN (Kirillov et al. 2019).

    Every level is brought to stride 4 by 3x3 convolutions, each followed by doubling, and all are summed.
    """

    strides = (4, 8, 16, 32)

    def __init__(self, channels: dict[int, int], dim: int = 64) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(channels[s], dim, 1) for s in self.strides)
        self.smooth = nn.ModuleList(nn.Conv2d(dim, dim, 3, padding=1) for _ in self.strides)
        self.heads = nn.ModuleList(_to_stride_four(dim, int(math.log2(s)) - 2) for s in self.strides)
        self.classify = _classifier(dim)

    def forward(self, maps: dict[int, Tensor]) -> Tensor:
        """{stride: map} to logits (B, 1, H / 4, W / 4)."""
        levels = [lateral(maps[s]) for s, lateral in zip(self.strides, self.lateral, strict=True)]
        for fine in range(len(levels) - 2, -1, -1):
            levels[fine] = levels[fine] + fn.interpolate(levels[fine + 1], scale_factor=2, mode="nearest")
        parts = [head(smooth(x)) for x, smooth, head in zip(levels, self.smooth, self.heads, strict=True)]
        return self.classify(sum(parts[1:], parts[0]))


class UNetDecoder(nn.Module):
    """Doubling, the encoder's map of that size beside it, two 3x3 convolutions (Ronneberger et al. 2015)."""

    strides = (16, 8, 4, 2)

    def __init__(self, channels: dict[int, int], dims: tuple[int, ...] = (96, 64, 32, 16)) -> None:
        super().__init__()
        before = (channels[32], *dims[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(_convolve(wide + channels[s], dim), _convolve(dim, dim))
            for s, wide, dim in zip(self.strides, before, dims, strict=True)
        )
        self.classify = _classifier(dims[-1])

    def forward(self, maps: dict[int, Tensor]) -> Tensor:
        """{stride: map} to logits (B, 1, H / 2, W / 2)."""
        x = maps[32]
        for stride, block in zip(self.strides, self.blocks, strict=True):
            x = fn.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, maps[stride]], dim=1))
        return self.classify(x)


def build_rival(name: str, imagenet: bool = True, stem: str = "efficientnet-lite0") -> Rival:
    """The rival "fpn" or "unet"; its encoder from ImageNet. Raises FileNotFoundError without the weights."""
    body = EfficientNetLite(stem)
    if name == "fpn":
        rival = Rival(body, FPNDecoder(body.channels), 4)
    else:
        rival = Rival(body, UNetDecoder(body.channels), 2)
    if imagenet:
        load_imagenet_weights(rival.stem)
    return rival.to(memory_format=torch.channels_last)


def _to_stride_four(dim: int, doublings: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(doublings):
        parts += [
            _convolve(dim, dim),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        ]
    return nn.Sequential(*(parts or [_convolve(dim, dim)]))


def _convolve(channels_in: int, channels_out: int) -> nn.Sequential:
    """GroupNorm, because the batches are too small for BatchNorm's statistics."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(8, channels_out), nn.ReLU(inplace=True))


def _classifier(dim: int) -> nn.Conv2d:
    """Starts at a salient share of 5 %, as the student does."""
    layer = nn.Conv2d(dim, 1, 1)
    nn.init.constant_(layer.bias, math.log(SALIENT_SHARE / (1 - SALIENT_SHARE)))
    return layer
