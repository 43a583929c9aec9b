"""What lanes learn from: labels, and hints of teachers that see the same crops.

Unlike `distillation.StudentStage` a hinted student keeps a stem and an encoder of its own and trains them, so
that its teachers may be larger, may be several, and may be of other structures.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .abreast import Batch
from .diffusion import TIME_MAX
from .distillation import (
    ALIGNED_LAYER,
    DistillWeights,
    clean_codes,
    feature_loss,
    logit_loss,
    trajectory_loss,
    two_classes,
)
from .layers import Pointwise
from .losses import LossWeights, binary_cross_entropy, saliency_losses, soft_iou_loss, total
from .sgddiff import Encoded, SGDDiff
from .stages import LabelStage


class PlainLoss:
    """BCE and soft IoU of a network that has `logits(pixels)`."""

    def __init__(self, network: nn.Module, weights: LossWeights) -> None:
        self.network, self.weights = network, weights

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        logits: Tensor = self.network.logits(batch.pixels)  # type: ignore[operator]
        losses = {"bce": binary_cross_entropy(logits, batch.mask), "iou": soft_iou_loss(logits, batch.mask)}
        return total(losses, self.weights)


class LabelLoss:
    """The loss of `LabelStage`: a share of the crops starts from its label's code, the others from noise."""

    def __init__(self, network: SGDDiff, weights: LossWeights, label_codes: float) -> None:
        self.stage, self.label_codes = LabelStage(network, "direct", weights), label_codes

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        noise = draw_noise(self.stage.network, batch.pixels)
        drawn = torch.rand(2, len(noise), device=noise.device)
        times = torch.where(drawn[0] < self.label_codes, drawn[1] * TIME_MAX, torch.ones_like(drawn[1]))
        return total(self.stage(batch.pixels, batch.mask, noise, times), self.stage.weights)


class Teachers:
    """Networks whose maps are averaged; the first, an SGDDiff, also shows its features and its code."""

    def __init__(self, networks: Sequence[nn.Module], stride: int) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        assert isinstance(self.networks[0], SGDDiff)  # the caller puts it first
        self.guide, self.stride = self.networks[0], stride

    @torch.no_grad()
    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """map: logits (B, 1, S, S) of the mean; features, classes: at the student's stride."""
        kind = batch.pixels.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            guide, pixels = self.guide, batch.pixels
            encoded = guide.encode(pixels)
            noise = draw_noise(guide, pixels)
            last = guide.denoise(encoded, noise, torch.ones(len(noise), device=noise.device))
            maps = [guide.refine(encoded, last).float().sigmoid()]
            maps += [network(pixels).float() for network in self.networks[1:]]
        mean = torch.stack(maps).mean(0).clamp(1e-4, 1 - 1e-4)
        smaller = self.stride // guide.config.stride
        features = fn.avg_pool2d(last.layers[aligned(guide)].float(), smaller)
        classes = fn.avg_pool2d(last.logits.float().softmax(1), smaller).clamp(min=1e-6).log()
        return {"map": torch.logit(mean), "features": features, "classes": classes}


class HintedLoss:
    """The labels' losses, and how far the student is from what its teachers say.

    `projection` is trained beside the student and belongs to no checkpoint.
    """

    def __init__(self, network: SGDDiff, guide: SGDDiff, weights: DistillWeights, temperature: float) -> None:
        self.network, self.weights, self.temperature = network, weights, temperature
        self.code = guide.code
        self.projection = Pointwise(network.config.decoder.dim, guide.config.decoder.dim)
        self.projection.to(network.noise_field.device)

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch with hints."""
        network, hints = self.network, batch.hints
        encoded: Encoded = network.encode(batch.pixels)
        noise = draw_noise(network, batch.pixels)
        last = network.denoise(encoded, noise, torch.ones(len(noise), device=noise.device))
        refined = network.refine(encoded, last)
        losses = saliency_losses(refined, last.logits, batch.mask, self.weights)
        projected = self.projection(last.layers[aligned(network)])
        losses["features"] = feature_loss(projected, hints["features"])
        codes = [clean_codes([logits], self.code) for logits in (last.logits, hints["classes"])]
        losses["trajectory"] = trajectory_loss(*codes)
        maps = (two_classes(refined), two_classes(hints["map"]))
        losses["logits"] = logit_loss(*maps, self.temperature)
        return total(losses, self.weights)


def aligned(network: SGDDiff) -> int:
    """The decoder layer whose features are compared: the fourth, or the last where there are fewer."""
    return min(ALIGNED_LAYER, network.config.decoder.layers - 1)


def draw_noise(network: SGDDiff, pixels: Tensor) -> Tensor:
    """Noise (B, K, h, w) for pixels (B, 3, H, W), from the device's own generator."""
    config = network.config
    height, width = (n // config.stride for n in pixels.shape[-2:])
    return torch.randn(len(pixels), config.diffusion.code_channels, height, width, device=pixels.device)
