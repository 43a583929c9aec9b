"""The training loop in plain PyTorch: one student, trained on labels, resumable at any step.

Everything random in a step is a function of (seed, step), and the whole state is saved, so a run that was
killed goes on as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .crops import CropSettings
from .diffusion import TIME_MAX, noised_code
from .losses import LossWeights, saliency_losses, total
from .sgddiff import SGDDiff

UNDECAYED = ("A_log", "D", "step_bias", "embedding", "frequencies")


class TrainingError(RuntimeError):
    """Training cannot go on: a state is of another run or damaged, or the loss is no longer a number."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train. Learning rates are peaks; `stem_rate` multiplies that of the pretrained stem.

    `label_codes`: the share of crops whose code is their label's at a random time; the others start from pure
    noise, as every picture does at inference. `validate_as`: (steps, trajectories) to validate with, None for
    the network's own; a teacher's 10 x 5 is slow on a CPU.
    """

    steps: int
    batch: int = 6
    seed: int = 0
    rate: float = 6e-4
    stem_rate: float = 0.25
    decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 150
    power: float = 1.0
    clip: float = 2.0
    ema: float = 0.998
    label_codes: float = 0.2
    save_every_s: float = 180.0
    validate_every: int = 400
    validate_as: tuple[int, int] | None = None
    log_every: int = 20
    crops: CropSettings = field(default_factory=CropSettings)
    weights: LossWeights = field(default_factory=LossWeights)


@dataclass
class TrainState:
    """What a run carries from step to step; all of it is in a saved state."""

    network: SGDDiff
    average: SGDDiff
    optimiser: torch.optim.AdamW
    step: int = 0
    best_f: float = -1.0

    def facts(self) -> dict[str, Any]:
        """What its checkpoints say of this run, for people."""
        return {}

    def saved(self) -> dict[str, Any]:
        """What goes into a saved state beside weights, average, optimiser and step."""
        return {}

    def restore(self, content: Mapping[str, Any]) -> None:
        """Take over what a saved state holds. Raises where it does not fit."""
        self.network.load_state_dict(content["network"])
        self.average.load_state_dict(content["average"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.best_f = content["step"], content["best_f"]


def start_state(network: SGDDiff, settings: TrainSettings) -> TrainState:
    """A state at step 0; `average` is the exponential moving average of the weights."""
    average = SGDDiff(network.config)
    average.load_state_dict(network.state_dict())
    average.requires_grad_(False)
    return TrainState(network, average.eval(), build_optimiser(network, settings))


def build_optimiser(network: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW; no decay on biases, norms, DyT, A_log, D; `share` scales a group's learning rate."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        decayed = parameter.dim() > 1 and name.rsplit(".", 1)[-1] not in UNDECAYED
        groups.setdefault((name.startswith("stem."), decayed), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": settings.decay if decayed else 0.0,
                "share": settings.stem_rate if stem and _pretrained(network) else 1.0,
            }
            for (stem, decayed), parameters in groups.items()
        ],
        lr=settings.rate,
        betas=settings.betas,
    )


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Linear warm-up, then poly decay to 0 at the last step."""
    warm = min(1.0, (step + 1) / settings.warmup)
    left = max(0.0, 1.0 - step / settings.steps)
    return settings.rate * warm * float(left**settings.power)


def training_losses(
    network: SGDDiff, pixels: Tensor, mask: Tensor, share: float, generator: torch.Generator
) -> dict[str, Tensor]:
    """The named losses of one batch; pixels (B, 3, S, S) in 0..255, mask (B, 1, S, S) of 0 and 1.

    `share` of the pictures get their label's code at a random time, the rest pure noise at time 1.
    """
    encoded = network.encode(pixels)
    batch, _, height, width = encoded.features[0].shape
    # Drawn on the CPU whatever the device, so that the numbers are the same on both.
    noise = torch.randn(batch, network.config.diffusion.code_channels, height, width, generator=generator)
    draws = torch.rand(2, batch, generator=generator)
    noise, draws = noise.to(pixels.device), draws.to(pixels.device)
    times = torch.where(draws[0] < share, draws[1] * TIME_MAX, torch.ones_like(draws[1]))
    code = noised_code(label_code(network, mask, height, width), noise, times)
    denoised = network.denoise(encoded, code, times)
    return saliency_losses(network.refine(encoded, denoised), denoised.logits, mask)


def label_code(network: SGDDiff, mask: Tensor, height: int, width: int) -> Tensor:
    """The clean code (B, K, h, w) of a mask (B, 1, H, W): each cell takes the class of most of its pixels."""
    salient = (nn.functional.adaptive_avg_pool2d(mask, (height, width)) > 0.5).float()
    code: Tensor = network.code(torch.cat([1 - salient, salient], dim=1))
    return code


def train_step(state: TrainState, pixels: Tensor, mask: Tensor, settings: TrainSettings) -> dict[str, float]:
    """One update of the weights and of their average; returns the losses by name and their sum."""
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + state.step)
    state.network.train()
    return descend(
        state, training_losses(state.network, pixels, mask, settings.label_codes, generator), settings
    )


def descend(state: TrainState, losses: Mapping[str, Tensor], settings: TrainSettings) -> dict[str, float]:
    """One update along the weighted sum of `losses`; returns them by name and their sum.

    Raises TrainingError, before anything has changed, where the sum is not a number.
    """
    rate = learning_rate(state.step, settings)
    for group in state.optimiser.param_groups:
        group["lr"] = rate * group["share"]
    loss = total(losses, settings.weights)
    values = {name: float(value.detach()) for name, value in {"loss": loss, **losses}.items()}
    if not math.isfinite(values["loss"]):
        raise TrainingError(
            f"the loss of step {state.step} is not a number: {values}; lower `rate` or `clip`"
        )
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    trained = [p for group in state.optimiser.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(trained, settings.clip)
    state.optimiser.step()
    state.step += 1
    update_average(state, settings.ema)
    return values


@torch.no_grad()
def update_average(state: TrainState, decay: float) -> None:
    """`average <- d * average + (1 - d) * weights`, with d small in the first steps."""
    keep = min(decay, (1 + state.step) / (10 + state.step))
    for old, new in zip(state.average.parameters(), state.network.parameters(), strict=True):
        old.lerp_(new, 1 - keep)


def _pretrained(network: nn.Module) -> bool:
    return isinstance(network, SGDDiff) and network.config.stem.kind == "efficientnet-lite0"


def seed_everything(seed: int) -> None:
    """Seed PyTorch's and NumPy's global generators, which initialisation uses."""
    torch.manual_seed(seed)
    np.random.seed(seed)
