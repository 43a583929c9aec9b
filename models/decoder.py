"""The decoder: deformable-attention layers with time conditioning, and the head that refines to stride 2."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .config import DecoderConfig
from .layers import DepthwiseBlock, Pointwise, as_weight, depthwise, make_norm

# Salient pixels are about 5 % of a crop: log(0.05 / 0.95) = -2.9.
LOGIT_PRIOR = 2.9


class DeformableAttention(nn.Module):
    """Each position looks at `points` places a head that it chooses itself (Deformable DETR, one level).

    `location = reference + offset / (W, H)`, the references being the pixel centres; bilinear, zero outside.
    (B, C, H, W) to (B, C, H, W). Offsets start as eight compass directions times 1..points, their weights 0.
    """

    def __init__(self, channels: int, heads: int, points: int) -> None:
        super().__init__()
        self.heads, self.points = heads, points
        self.attend = attend_points  # or a kernel that does the same
        self.value = Pointwise(channels, channels)
        self.offsets = Pointwise(channels, heads * points * 2)
        self.weights = Pointwise(channels, heads * points)
        self.project = Pointwise(channels, channels)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.offsets.bias.copy_(compass_offsets(heads, points).flatten())  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Attend: (B, C, H, W) to the same."""
        offsets = torch.unflatten(self.offsets(x), 1, (self.heads, self.points, 2))
        logits = torch.unflatten(self.weights(x), 1, (self.heads, self.points))
        out: Tensor = self.project(self.attend(self.value(x), offsets, logits))
        return out


def attend_points(value: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
    """The softmax-weighted sum of bilinear samples around each position, in float32 inside.

    value (B, heads * E, H, W); offsets (B, heads, points, 2, H, W) as (x, y) in pixels; logits
    (B, heads, points, H, W). Returns (B, heads * E, H, W) in value's dtype.
    """
    batch, channels, height, width = value.shape
    heads = offsets.shape[1]
    parted = value.reshape(batch * heads, channels // heads, height, width)
    sampled = sample_points(parted, offsets.float(), logits.float().softmax(2))
    return sampled.reshape(batch, channels, height, width)


def sample_points(value: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of bilinear samples around each position.

    value (B * heads, E, H, W); offsets (B, heads, points, 2, H, W) as (x, y) in pixels; weights
    (B, heads, points, H, W) summing to 1 over points. Returns (B * heads, E, H, W) in value's dtype.
    """
    points, _, height, width = offsets.shape[2:]
    # Filled on the device: a copy from the host cannot be captured in a CUDA graph.
    size = torch.cat([offsets.new_full((1,), width), offsets.new_full((1,), height)])
    columns = torch.arange(width, dtype=offsets.dtype, device=offsets.device) + 0.5
    rows = torch.arange(height, dtype=offsets.dtype, device=offsets.device) + 0.5
    centres = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1])
    # grid_sample counts from -1 to 1 with align_corners=False: 2 * (centre + offset) / size - 1.
    grid = (centres + offsets).movedim(3, -1) * (2.0 / size) - 1.0
    grid = grid.flatten(0, 1).flatten(1, 2)
    samples = fn.grid_sample(
        value.to(grid.dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    samples = torch.unflatten(samples, 2, (points, height))
    return (samples * weights.flatten(0, 1)[:, None]).sum(2).to(value.dtype)


def compass_offsets(heads: int, points: int) -> Tensor:
    """(heads, points, 2) offsets in pixels, (x, y): head k looks along compass direction k, 1..points far."""
    angles = torch.arange(heads) * (2.0 * math.pi / heads)
    directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
    directions = directions / directions.abs().amax(dim=-1, keepdim=True)
    return directions[:, None] * torch.arange(1, points + 1)[None, :, None]


def start_from_rare(bias: Tensor | None, values: list[float]) -> None:
    """Set a classifier's bias to the share of salient pixels, which training then need not learn first."""
    assert bias is not None
    with torch.no_grad():
        bias.copy_(torch.tensor(values))


class DecoderLayer(nn.Module):
    """Deformable attention and a feed-forward part, both residual with their norm inside.

    The time's scale and shift, `(1 + s) * x + b`, follow the layer's last norm. With the norm outside, on the
    trunk, twelve DyTs in a row would squash it; inside the branches they cannot.
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        dim = config.dim
        self.norm_attention = make_norm(config.norm, dim)
        self.attention = DeformableAttention(dim, config.heads, config.points)
        self.norm_feedforward = make_norm(config.norm, dim)
        self.time = nn.Linear(dim, 2 * dim)
        self.feedforward = nn.Sequential(
            Pointwise(dim, config.feedforward), nn.GELU(), Pointwise(config.feedforward, dim)
        )
        nn.init.zeros_(self.time.weight)
        nn.init.zeros_(self.time.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x (B, C, H, W), time (B, C) to (B, C, H, W)."""
        x = x + self.attention(self.norm_attention(x))
        scale, shift = self.time(time).to(x.dtype)[:, :, None, None].chunk(2, dim=1)
        conditioned = (1 + scale) * self.norm_feedforward(x) + shift
        out: Tensor = x + self.feedforward(conditioned)
        return out


class DeformableDecoder(nn.Module):
    """The stack of layers and the two-class head that feeds the diffusion."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = make_norm(config.norm, config.dim)
        self.classify = Pointwise(config.dim, 2)
        start_from_rare(self.classify.bias, [LOGIT_PRIOR / 2, -LOGIT_PRIOR / 2])

    def forward(self, x: Tensor, time: Tensor) -> tuple[list[Tensor], Tensor]:
        """x (B, C, h, w), time (B, C) to the features after every layer, each (B, C, h, w), and class logits.

        Logits are (B, 2, h, w): background, salient.
        """
        features = []
        for layer in self.layers:
            x = layer(x, time)
            features.append(x)
        return features, self.classify(as_weight(self.norm(x), self.classify))


class RefineHead(nn.Module):
    """The decoder's last features, joined with the stem's maps on the way up to stride 2: one logit map."""

    def __init__(self, dim: int, dims: tuple[int, int], stem_channels: dict[int, int], stride: int) -> None:
        super().__init__()
        self.strides = [s for s in (4, 2) if s < stride]
        widths = dims[-len(self.strides) :]
        inputs = [dim, *widths[:-1]]
        self.lateral = nn.ModuleList(
            Pointwise(stem_channels[s], w) for s, w in zip(self.strides, widths, strict=True)
        )
        self.reduce = nn.ModuleList(Pointwise(a, w) for a, w in zip(inputs, widths, strict=True))
        self.blocks = nn.ModuleList(DepthwiseBlock(w, w) for w in widths)
        self.smooth = depthwise(widths[-1], 3)
        self.logit = Pointwise(widths[-1], 1)
        start_from_rare(self.logit.bias, [-LOGIT_PRIOR])

    def forward(self, x: Tensor, stem: dict[int, Tensor]) -> Tensor:
        """x (B, C, h, w) and the stem's {stride: map} to logits (B, 1, H/2, W/2)."""
        for stride, lateral, reduce, block in zip(
            self.strides, self.lateral, self.reduce, self.blocks, strict=True
        ):
            side = lateral(stem[stride])
            x = fn.interpolate(reduce(x), size=side.shape[-2:], mode="bilinear", align_corners=False) + side
            x = x + block(x)
        out: Tensor = self.logit(as_weight(fn.silu(self.smooth(x)), self.logit))
        return out
