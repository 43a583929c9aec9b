"""A prepared network on kernels of our own: which parts of it they take, and when.

What they compute is the same but for rounding, so the choice belongs to the run key.
"""

from __future__ import annotations

import importlib.util

from torch import Tensor, nn

from .decoder import DeformableAttention
from .encoder import SS2D
from .sgddiff import SGDDiff
from .stem import FoldedConv

KERNELS = ("torch", "triton")


def choose_kernels(name: str, device: str) -> str:
    """The kernels that are used on "cpu" or "cuda": on a CPU PyTorch's, whatever the name.

    Raises ValueError for a name that is not of `KERNELS`.
    """
    if name not in KERNELS:
        raise ValueError(f"model.kernels must be {' or '.join(KERNELS)}, found {name!r}")
    return name if device == "cuda" else "torch"


class Depthwise(nn.Module):
    """A depthwise convolution by `kernels.depthwise`, with the weights of the one that it stands in for."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Conv2d | FoldedConv) -> None:
        super().__init__()
        self.stride = layer.stride if isinstance(layer.stride, int) else layer.stride[0]
        kernel = layer.weight.shape[-1]
        # An even kernel begins with a row and a column of zeros, see `FoldedConv`.
        is_widened = kernel % 2 == 0
        self.before = (kernel - 1) // 2 - is_widened
        weight = layer.weight[..., is_widened:, is_widened:].detach()
        # A tap's channels lie together, as the kernel reads them: so no call copies them.
        self.register_buffer("weight", weight.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, ceil(H / stride), ceil(W / stride)), channels-last."""
        from .kernels.depthwise import depthwise_conv

        return depthwise_conv(x, self.weight, self.bias, self.stride, self.before)


def use_kernels(network: SGDDiff, kernels: str) -> SGDDiff:
    """Let kernels of `KERNELS` do what they can; changes and returns `network`, whose norms are folded.

    Raises ValueError where Triton is not installed.
    """
    if kernels == "torch":
        return network
    if importlib.util.find_spec("triton") is None:
        raise ValueError("model.kernels is triton, which is not installed: pip install triton, or use torch")
    from .kernels.sampling import deformable_sample
    from .kernels.scanning import scan_map

    for parent in list(network.modules()):
        if isinstance(parent, DeformableAttention):
            parent.attend = deformable_sample
        elif isinstance(parent, SS2D):
            parent.scan_map = scan_map
        for name, part in list(parent.named_children()):
            if isinstance(part, nn.Conv2d | FoldedConv) and is_depthwise(part):
                setattr(parent, name, Depthwise(part))
    return network


def is_depthwise(layer: nn.Conv2d | FoldedConv) -> bool:
    """Whether each channel is filtered by itself, by more than one tap."""
    channels, inputs, kernel = layer.weight.shape[:3]
    return layer.groups == channels > 1 and inputs == 1 and kernel > 1
