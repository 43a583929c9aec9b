"""The denoising U-Net: features and a noised mask code in, guided features out (pixel-semantic guidance)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .layers import DepthwiseBlock, LiteMLA, Pointwise, depthwise


class Bottleneck(nn.Module):
    """Depthwise convolution and linear attention, each with a residual: (B, C, H, W) to the same."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.spatial = depthwise(channels, 5)
        self.attention = LiteMLA(channels, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        x = x + self.spatial(x)
        out: Tensor = x + self.attention(x)
        return out


class DenoisingUNet(nn.Module):
    """Encoder features, fine to coarse, and the noised code to guided features at the finest stride.

    Down: depthwise blocks joined with the encoder's features of the same stride. Up: upsample, join the skip.
    """

    def __init__(
        self,
        dims: tuple[int, ...],
        feature_dims: tuple[int, ...],
        code_channels: int,
        dim_out: int,
        norm: str,
    ) -> None:
        super().__init__()
        self.condition = Pointwise(feature_dims[0] + code_channels, dims[0])
        self.enter = DepthwiseBlock(dims[0], dims[0])
        self.down = nn.ModuleList(DepthwiseBlock(a, b, stride=2) for a, b in itertools.pairwise(dims))
        self.join = nn.ModuleList(Pointwise(f, d) for f, d in zip(feature_dims[1:], dims[1:], strict=True))
        self.bottleneck = Bottleneck(dims[-1], norm)
        self.up = nn.ModuleList(DepthwiseBlock(a + b, a) for a, b in itertools.pairwise(dims))
        self.leave = Pointwise(dims[0], dim_out)

    def forward(self, features: list[Tensor], code: Tensor) -> Tensor:
        """features: (B, C_i, h / 2^i, w / 2^i) a level; code (B, K, h, w); returns (B, dim_out, h, w)."""
        x = self.enter(self.condition(torch.cat([features[0], code.to(features[0].dtype)], dim=1)))
        skips = [x]
        for down, join, feature in zip(self.down, self.join, features[1:], strict=True):
            x = down(x) + join(feature)
            skips.append(x)
        x = self.bottleneck(x)
        for level in reversed(range(len(self.up))):
            x = fn.interpolate(x, size=skips[level].shape[-2:], mode="bilinear", align_corners=False)
            x = self.up[level](torch.cat([skips[level], x], dim=1))
        out: Tensor = self.leave(x)
        return out
