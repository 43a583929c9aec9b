"""The losses, each by name and each its own function; `total` is the only place where they are summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as fn


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each term counts in the sum; `coarse_*` act on the logits at the decoder's stride."""

    bce: float = 1.0
    iou: float = 1.0
    coarse_bce: float = 0.4
    coarse_iou: float = 0.4


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over pixels and pictures; logits and target (0..1) of one shape."""
    return fn.binary_cross_entropy_with_logits(logits.float(), target)


def soft_iou_loss(logits: Tensor, target: Tensor) -> Tensor:
    """`1 - (sum(p g) + 1) / (sum p + sum g - sum(p g) + 1)` a picture (B, 1, H, W), averaged over pictures.

    With the ones an empty mask and an empty prediction score 0 and not 0/0.
    """
    p = logits.float().sigmoid()
    both = (p * target).sum((1, 2, 3))
    union = p.sum((1, 2, 3)) + target.sum((1, 2, 3)) - both
    return (1 - (both + 1) / (union + 1)).mean()


def saliency_losses(refined: Tensor, coarse: Tensor, target: Tensor) -> dict[str, Tensor]:
    """The supervised terms by name.

    refined (B, 1, H, W) logits; coarse (B, 2, h, w) class logits, background and salient; target (B, 1, H, W)
    in 0..1. A coarse cell's target is the salient share of its pixels.
    """
    small = fn.adaptive_avg_pool2d(target, (coarse.shape[2], coarse.shape[3]))
    difference = coarse[:, 1:] - coarse[:, :1]
    return {
        "bce": binary_cross_entropy(refined, target),
        "iou": soft_iou_loss(refined, target),
        "coarse_bce": binary_cross_entropy(difference, small),
        "coarse_iou": soft_iou_loss(difference, small),
    }


def total(losses: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """The weighted sum of all named losses. Raises AttributeError for a name without a weight."""
    terms = [getattr(weights, name) * loss for name, loss in losses.items()]
    out: Tensor = sum(terms[1:], start=terms[0])
    return out
