"""The losses, each by name and each its own function; `total` is the only place where they are summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as fn


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each term counts in the sum; `coarse_*` act on the logits at the decoder's stride.

    edges: the edge-weighted variant of both terms; at 0 it is not computed.
    """

    bce: float = 1.0
    iou: float = 1.0
    coarse_bce: float = 0.4
    coarse_iou: float = 0.4
    edges: float = 0.0


PLAIN = LossWeights()
# F3Net's window in px and gain: a pixel amidst its own class counts 1, one at an edge up to 6.
EDGE_WINDOW, EDGE_GAIN = 31, 5.0


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


def edge_weighted_loss(logits: Tensor, target: Tensor) -> Tensor:
    """BCE plus soft IoU, each pixel weighed by how much its surroundings differ from it: (B, 1, H, W) to ().

    "F3Net: Fusion, Feedback and Focus for Salient Object Detection" (Wei et al. 2020, eq. 4 to 6): weights
    `1 + 5 |mean of the 31 px window - g|`. Windows are cut at the crop's border, which so makes no edge.
    """
    window = fn.avg_pool2d(target, EDGE_WINDOW, 1, EDGE_WINDOW // 2, count_include_pad=False)
    weight = 1 + EDGE_GAIN * (window - target).abs()
    bce = fn.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    p = logits.float().sigmoid()
    both = (weight * p * target).sum((1, 2, 3))
    union = (weight * (p + target)).sum((1, 2, 3)) - both
    weighted_bce = (weight * bce).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    return (weighted_bce + 1 - (both + 1) / (union + 1)).mean()


def saliency_losses(
    refined: Tensor, coarse: Tensor, target: Tensor, weights: LossWeights = PLAIN
) -> dict[str, Tensor]:
    """The supervised terms by name; `edges` only where `weights` gives it some.

    refined (B, 1, H, W) logits; coarse (B, 2, h, w) class logits, background and salient; target (B, 1, H, W)
    in 0..1. A coarse cell's target is the salient share of its pixels.
    """
    small = fn.adaptive_avg_pool2d(target, (coarse.shape[2], coarse.shape[3]))
    difference = coarse[:, 1:] - coarse[:, :1]
    losses = {
        "bce": binary_cross_entropy(refined, target),
        "iou": soft_iou_loss(refined, target),
        "coarse_bce": binary_cross_entropy(difference, small),
        "coarse_iou": soft_iou_loss(difference, small),
    }
    if weights.edges:
        losses["edges"] = edge_weighted_loss(refined, target)
    return losses


def total(losses: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """The weighted sum of all named losses. Raises AttributeError for a name without a weight."""
    terms = [getattr(weights, name) * loss for name, loss in losses.items()]
    out: Tensor = sum(terms[1:], start=terms[0])
    return out
