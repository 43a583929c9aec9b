"""Half precision: a network whose weights and maps are bfloat16 or float16, not one that casts as it goes.

What half precision would spoil stays in float32: the recurrence of the scans with its decays, softmax, the
tanh of DyT, sums over positions, the time's embedding, the mask code and the noise, and the last logits.
"""

from __future__ import annotations

import torch
from torch import nn

from .encoder import SS2D
from .sgddiff import SGDDiff
from .stem import FoldedConv

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""What a network may be computed in; "auto" is one of them by the device, see `choose_precision`."""

_HALVED = (nn.Conv2d, FoldedConv, nn.GroupNorm, nn.LayerNorm)
"""Layers that take maps and give maps. Whatever else has weights keeps them in float32."""


def choose_precision(name: str, device: str) -> str:
    """The precision behind a name on "cpu" or "cuda": auto is fp16 on CUDA and fp32 on a CPU.

    Raises ValueError for another name.
    """
    if name == "auto":
        return "fp16" if device == "cuda" else "fp32"
    if name not in PRECISIONS:
        raise ValueError(f"model.precision must be auto, {', '.join(PRECISIONS)}, found {name!r}")
    return name


def lower_precision(network: SGDDiff, precision: str) -> SGDDiff:
    """Turn weights, and so maps, into a precision of `PRECISIONS`; changes and returns `network`.

    For inference only, and after norms are folded: a kernel is scaled in float32 and rounded once. Saliency
    stays float32.
    """
    dtype = PRECISIONS[precision]
    if dtype is torch.float32:
        return network
    last = (network.decoder.classify, network.refine_head.logit)
    for module in network.modules():
        if isinstance(module, _HALVED) and module not in last:
            module.to(dtype)
        elif isinstance(module, SS2D):
            for weight in (module.project_scan, module.project_step):
                weight.data = weight.data.to(dtype)
    return network
