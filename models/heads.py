"""The head that takes a decoder at stride 8 or 16 up to stride 2 as a feature pyramid does."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as fn

from .config import DecoderConfig
from .decoder import LOGIT_PRIOR, RefineHead, start_from_rare
from .layers import DepthwiseBlock, Pointwise, as_weight, depthwise


class Smooth(nn.Module):
    """A 3x3 convolution, GroupNorm, ReLU: (B, C_in, H, W) to (B, C_out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(8, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H, W)."""
        return fn.relu(self.norm(self.convolve(x)), inplace=True)


class PyramidHead(nn.Module):
    """The decoder's features, joined with the stem's maps of all finer strides down to 2: one logit map.

    Down to stride 4 each level is the sum of what is coarser, doubled, and of the stem's map, smoothed by
    a 3x3 convolution (Lin et al. 2017); the last step is a depthwise block, because at stride 2 a 3x3 of that
    many channels costs four times as much as at 4.
    """

    def __init__(self, dim: int, width: int, fine: int, stem_channels: dict[int, int], stride: int) -> None:
        super().__init__()
        self.strides = [s for s in (8, 4) if s < stride]
        self.reduce = Pointwise(dim, width)
        self.enter = Smooth(width, width)
        self.lateral = nn.ModuleList(Pointwise(stem_channels[s], width) for s in self.strides)
        self.smooth = nn.ModuleList(Smooth(width, width) for _ in self.strides)
        self.reduce_fine = Pointwise(width, fine)
        self.lateral_fine = Pointwise(stem_channels[2], fine)
        self.block = DepthwiseBlock(fine, fine)
        self.smooth_fine = depthwise(fine, 3)
        self.logit = Pointwise(fine, 1)
        start_from_rare(self.logit.bias, [-LOGIT_PRIOR])

    def forward(self, x: Tensor, stem: dict[int, Tensor]) -> Tensor:
        """x (B, C, h, w) and the stem's {stride: map} to logits (B, 1, H/2, W/2)."""
        x = self.enter(self.reduce(x))
        for stride, lateral, smooth in zip(self.strides, self.lateral, self.smooth, strict=True):
            x = smooth(double(x).add_(lateral(stem[stride])))
        x = double(self.reduce_fine(x)).add_(self.lateral_fine(stem[2]))
        x = self.block(x).add_(x)
        out: Tensor = self.logit(as_weight(fn.silu(self.smooth_fine(x)), self.logit))
        return out


def double(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, C, 2 H, 2 W), bilinear."""
    return fn.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def build_head(config: DecoderConfig, stem_channels: dict[int, int], stride: int) -> RefineHead | PyramidHead:
    """The head that `config` names."""
    if config.head == "refine":
        return RefineHead(config.dim, config.refine_dims, stem_channels, stride)
    return PyramidHead(config.dim, config.head_dim, config.refine_dims[1], stem_channels, stride)
