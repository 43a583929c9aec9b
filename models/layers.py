"""The small parts that several networks share: DyT, DropPath, depthwise blocks, LiteMLA and GDB.

Every tensor is (B, C, H, W); on a CPU it lies channels-last in memory, which the depthwise convolutions and
1x1 convolutions run fastest on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as fn


class DyT(nn.Module):
    """Dynamic Tanh, `gamma * tanh(alpha * x) + beta`, in LayerNorm's place (Zhu et al. 2025).

    (B, C, ...) in, the same shape and dtype out. `alpha` is one scalar a layer; the tanh is in float32.
    """

    def __init__(self, channels: int, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to the same."""
        shape = (-1,) + (1,) * (x.dim() - 2)
        bounded = torch.tanh(self.alpha * x.float())
        return torch.addcmul(self.beta.view(shape), self.gamma.view(shape), bounded).to(x.dtype)


class ChannelLayerNorm(nn.Module):
    """LayerNorm over the channels of (B, C, ...): what DyT stands in for; kept for the ablation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to the same."""
        out: Tensor = self.norm(x.movedim(1, -1)).movedim(-1, 1)
        return out


def make_norm(kind: str, channels: int) -> nn.Module:
    """The norm named `kind` ("dyt" or "layernorm") over `channels`."""
    return DyT(channels) if kind == "dyt" else ChannelLayerNorm(channels)


class DropPath(nn.Module):
    """Stochastic depth: in training drops a picture's whole branch with this probability (Huang 2016).

    place: (first, whole) where the pictures are part of a larger batch: then draws are made for the whole, on
    the CPU, so that each picture's is the same whoever holds it.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.place: tuple[int, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) to the same."""
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        first, whole = self.place or (0, len(x))
        kept = torch.rand(whole)[first : first + len(x)] < keep
        mask = kept.to(x.device, x.dtype).reshape(-1, *(1,) * (x.dim() - 1))
        return x * mask / keep


def depthwise(channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A depthwise convolution that keeps the size (or divides it by `stride`)."""
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)


class Pointwise(nn.Conv2d):
    """A 1x1 convolution, (B, C_in, H, W) to (B, C_out, H, W).

    On one CPU thread PyTorch sends plain 1x1 convolutions to a matrix product that takes twice as long as
    oneDNN's (eight times when grouped). A dilation makes it choose oneDNN, and changes nothing for one tap.
    Not where it is grouped and in bfloat16: oneDNN's gradient of such weights is then read from memory that
    nobody wrote (torch 2.13).
    """

    def __init__(self, channels_in: int, channels_out: int, groups: int = 1, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, 1, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H, W)."""
        if self.groups > 1 and self.training and x.device.type == "cuda":
            return self._products(x)
        dilation = 1
        is_half = x.dtype != torch.float32 or torch.is_autocast_enabled("cpu")
        if x.device.type == "cpu" and not (self.groups > 1 and is_half):
            dilation = 2
        return fn.conv2d(x, self.weight, self.bias, dilation=dilation, groups=self.groups)

    def _products(self, x: Tensor) -> Tensor:
        """The same as one batched matrix product: cuDNN takes some twenty kernels a group for a step."""
        batch, channels, height, width = x.shape
        grouped = x.permute(0, 2, 3, 1).reshape(batch, height, width, self.groups, channels // self.groups)
        weight = self.weight.reshape(self.groups, -1, channels // self.groups)
        out = torch.einsum("bhwgi,goi->bhwgo", grouped, weight).flatten(-2).permute(0, 3, 1, 2)
        return out if self.bias is None else out + self.bias[:, None, None]


def as_weight(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """x in the dtype of a layer's weights: the last logits are float32 where maps are in half precision."""
    return x.to(layer.weight.dtype)


class DepthwiseBlock(nn.Module):
    """Depthwise 3x3, 1x1, GroupNorm, SiLU: (B, C_in, H, W) to (B, C_out, H/stride, W/stride)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.spatial = depthwise(channels_in, 3, stride)
        self.mix = Pointwise(channels_in, channels_out, bias=False)
        self.norm = nn.GroupNorm(8, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H / stride, W / stride)."""
        return fn.silu(self.norm(self.mix(self.spatial(x))))


class LiteMLA(nn.Module):
    """Multi-scale ReLU linear attention (EfficientViT, Cai et al. 2023): (B, C, H, W) to (B, C, H, W).

    Sums over all positions are in float32: in half precision they overflow. `eps` keeps positions whose query
    is zero throughout at 0 in place of 0/0.
    """

    def __init__(
        self,
        channels: int,
        dim: int = 8,
        scales: tuple[int, ...] = (5,),
        norm: str = "dyt",
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        heads = channels // dim
        inner = 3 * heads * dim
        self.dim, self.eps = dim, eps
        self.qkv = Pointwise(channels, inner, bias=False)
        self.aggregate = nn.ModuleList(
            nn.Sequential(depthwise(inner, s), Pointwise(inner, inner, groups=3 * heads, bias=False))
            for s in scales
        )
        self.project = Pointwise(heads * dim * (1 + len(scales)), channels, bias=False)
        self.norm = make_norm(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        qkv = self.qkv(x)
        scales = [qkv, *(branch(qkv) for branch in self.aggregate)]
        attended = torch.cat([relu_linear_attention(scale, self.dim, self.eps) for scale in scales], dim=1)
        out: Tensor = self.norm(self.project(attended.to(x.dtype)))
        return out


def relu_linear_attention(qkv: Tensor, dim: int, eps: float) -> Tensor:
    """`relu(q) (relu(k)^T v) / (relu(q) sum relu(k) + eps)` a head.

    qkv (B, heads * 3 * dim, H, W), each head's q, k and v next to one another; returns (B, heads * dim, H, W)
    float32. The row of ones appended to v yields the divisor in the same product.
    """
    batch, channels, height, width = qkv.shape
    heads = channels // (3 * dim)
    with torch.autocast(qkv.device.type, enabled=False):
        # (B, heads, HW, 3 * dim): a view where qkv lies channels-last.
        split = qkv.float().permute(0, 2, 3, 1).reshape(batch, height * width, heads, 3 * dim).transpose(1, 2)
        query, key, value = torch.split(split, dim, dim=-1)
        value = fn.pad(value, (0, 1), value=1.0)
        context = fn.relu(key).transpose(-1, -2) @ value
        out = fn.relu(query) @ context
        out = out[..., :-1] / (out[..., -1:] + eps)
        return out.transpose(1, 2).reshape(batch, height, width, heads * dim).permute(0, 3, 1, 2)


class GDB(nn.Module):
    """Gated Depthwise Block: three depthwise branches with linear attention, gated by their own sum.

    `gate = sigmoid(q + k + v)`, `x + Conv1x1[q * gate, k * gate, v * gate]`: (B, C, H, W) to the same.
    """

    def __init__(
        self, channels: int, dim: int = 8, scales: tuple[int, ...] = (5,), norm: str = "dyt"
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(depthwise(channels, kernel), LiteMLA(channels, dim, scales, norm))
            for kernel in (3, 5, 3)
        )
        self.project = Pointwise(3 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        query, key, value = (branch(x) for branch in self.branches)
        gate = torch.sigmoid(query + key + value)
        out: Tensor = x + self.project(torch.cat([query * gate, key * gate, value * gate], dim=1))
        return out
