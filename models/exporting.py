"""The student as a graph for runtimes other than PyTorch: one for all sizes of pictures.

What draws on Python while it runs (origins, the noise's place, sizes that are no multiple) stays outside: the
noise is an input. The scan has a fixed number of levels, and 1x1 convolutions lose the dilation that only
PyTorch needs. Recorded by `torch.jit.trace`, because `torch.export` takes five times as long.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .diffusion import periodic_noise
from .encoder import SS2D
from .layers import Pointwise
from .scan import SCAN_LEVELS
from .sgddiff import SGDDiff, enlarge
from .stem import FoldedConv, fold_batch_norms

Examples = tuple[Tensor, ...]


class NoiseAsInput(nn.Module):
    """A student whose noise is given: pixels (1, 3, H, W) uint8 and noise (T, K, h, w) to (T, 1, H/2, W/2).

    H and W are multiples of `multiple_px`; the noise has a map for each of the T trajectories. What is left
    to do is `saliency_of`: PyTorch enlarges a map of one channel in a tenth of what OpenVINO takes.
    """

    def __init__(self, network: SGDDiff) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Logits of each trajectory at stride 2, float32."""
        network = self.network
        encoded = network.encode(pixels)
        maps = [
            network.fine_logits(encoded, network.sample(encoded, noise[k : k + 1]).last)
            for k in range(network.config.diffusion.trajectories)
        ]
        return maps[0] if len(maps) == 1 else torch.cat(maps)


def saliency_of(logits: Tensor) -> Tensor:
    """Logits (T, 1, H/2, W/2) of trajectories to saliency (1, 1, H, W), 0..1: their mean at full size."""
    return torch.sigmoid(enlarge(logits)).mean(0, keepdim=True)


def exportable(network: SGDDiff) -> NoiseAsInput:
    """The student for `record`, on a CPU; changes `network`. Raises ValueError where it has no such graph."""
    check_exportable(network.config.encoder.scan, network.config.stride)
    network.eval().requires_grad_(False)
    plain_parts(network)
    for module in network.modules():
        if isinstance(module, SS2D):
            module.backend = "levels"
    return NoiseAsInput(network).eval()


class ChannelsLastGroupNorm(nn.Module):
    """A group norm by means over positions: (B, C, H, W) to the same.

    A runtime that takes groups apart by reshaping lays a map out anew before it and after it.
    """

    weight: Tensor
    bias: Tensor
    share: Tensor

    def __init__(self, part: nn.GroupNorm) -> None:
        super().__init__()
        each = part.num_channels // part.num_groups
        same = torch.kron(torch.eye(part.num_groups), torch.full((each, each), 1.0 / each))
        self.eps = part.eps
        self.register_buffer("share", same[:, :, None, None])
        self.register_buffer("weight", part.weight.detach()[:, None, None])
        self.register_buffer("bias", part.bias.detach()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        away = x - self._of_groups(x)
        return away * (self.weight * torch.rsqrt(self._of_groups(away * away) + self.eps)) + self.bias

    def _of_groups(self, x: Tensor) -> Tensor:
        """The mean of a channel's group, at each channel: (B, C, 1, 1)."""
        return fn.conv2d(x.mean((2, 3), keepdim=True), self.share)


def check_exportable(scan: str, stride: int, tile_px: int | None = None) -> None:
    """Raise ValueError where a network of a kind of scan, at a stride, has no such graph for such tiles."""
    if scan != "s6":
        raise ValueError(
            f"the scan of this network is {scan!r}, and only 's6' is recorded for all sizes; "
            "set model.backend: torch"
        )
    if tile_px and tile_px > longest_px(stride):
        raise ValueError(
            f"a graph of this network takes tiles of at most {longest_px(stride)} px, and tiling.tile_px is "
            f"{tile_px}; make it smaller, or set model.backend: torch"
        )


def plain_parts(network: nn.Module) -> None:
    """Fold the norms of the stem, put plain 1x1 convolutions where PyTorch is given dilated ones, and group
    norms that leave maps as they lie.
    """
    fold_batch_norms(network)
    for parent in list(network.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, Pointwise) or (isinstance(part, FoldedConv) and part.weight.shape[-1] == 1):
                setattr(parent, name, _plain(part))
            elif isinstance(part, nn.GroupNorm):
                setattr(parent, name, ChannelsLastGroupNorm(part))


def noise_of(network: SGDDiff, field: Tensor, origins: Tensor, height: int, width: int) -> Tensor:
    """The noise (T, K, h, w) of one picture at `origins` (1, 2), for latent cells of h x w."""
    diffusion = network.config.diffusion
    return torch.cat(
        [
            periodic_noise(field, origins, height, width, network.config.stride, k)
            for k in range(diffusion.trajectories)
        ]
    )


def longest_px(stride: int) -> int:
    """The side of the largest square picture whose scan has enough levels."""
    return int(stride * 2 ** (SCAN_LEVELS // 2))


def record(module: nn.Module, examples: Examples) -> torch.jit.ScriptModule:
    """The operations of a module, as examples lead through it; they hold for other sizes of maps, too."""
    with torch.inference_mode(), warnings.catch_warnings():
        # What is warned of, numbers that Python looks at, is the same for all sizes; tests compare them.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        traced: torch.jit.ScriptModule = torch.jit.trace(  # type: ignore[no-untyped-call]
            module, examples, check_trace=False
        )
    return traced


def _plain(part: nn.Conv2d | FoldedConv) -> nn.Conv2d:
    weight, bias = part.weight, part.bias
    channels_in = weight.shape[1] * part.groups
    plain = nn.Conv2d(channels_in, weight.shape[0], 1, groups=part.groups, bias=bias is not None)
    with torch.no_grad():
        plain.weight.copy_(weight)
        if bias is not None and plain.bias is not None:
            plain.bias.copy_(bias)
    return plain.requires_grad_(False)
