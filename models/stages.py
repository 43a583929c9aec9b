"""The training's two stages in plain PyTorch: the teacher on label codes, then the student on its teacher.

A step is a function of (settings, step) and of the saved state, dropped branches included, so a run that was
killed goes on as if it had not been. Noise is drawn a picture at a time: a worker that holds pictures
`first..` of a batch draws what one worker with the whole batch would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .checkpoint import tensor_digest
from .config import NetworkConfig
from .diffusion import TIME_MAX, noised_code
from .distillation import DistillWeights, StudentStage
from .losses import saliency_losses
from .sgddiff import SGDDiff, to_channels_last
from .stem import EfficientNetLite0, load_imagenet_weights
from .training import (
    TrainingError,
    TrainSettings,
    TrainState,
    descend,
    label_code,
    seed_everything,
    start_state,
)

# Tell the random numbers of one (seed, step, picture) apart from each other and from the crops'.
NOISE, BRANCHES = 1, 2


@dataclass(frozen=True, slots=True)
class StageSettings(TrainSettings):
    """How to train a stage. `label_codes`: the teacher's share of crops that start from their label's code.

    teacher_steps: how many steps the teacher takes beside the student, rounded to a multiple of the
    student's; 0 for as many as it is configured for.
    """

    label_codes: float = 1.0
    weights: DistillWeights = field(default_factory=DistillWeights)
    temperature: float = 4.0
    teacher_steps: int = 0


class TeacherStage(nn.Module):
    """The first stage: conditional diffusion on the label's code, `t ~ U(0, .999)`, supervised losses."""

    name = "teacher"

    def __init__(self, network: SGDDiff) -> None:
        super().__init__()
        self.network = network

    @property
    def noise_channels(self) -> int:
        """Channels of the noise that a step needs."""
        return self.network.config.diffusion.code_channels

    def forward(self, pixels: Tensor, mask: Tensor, noise: Tensor, times: Tensor) -> dict[str, Tensor]:
        """Named losses; pixels (B, 3, S, S) in 0..255, mask (B, 1, S, S), noise (B, K, h, w), times (B)."""
        encoded = self.network.encode(pixels)
        z0 = label_code(self.network, mask, *encoded.features[0].shape[-2:])
        denoised = self.network.denoise(encoded, noised_code(z0, noise, times), times)
        return saliency_losses(self.network.refine(encoded, denoised), denoised.logits, mask)


@dataclass
class StageState(TrainState):
    """What a stage carries from step to step; `teacher` is the digest of the student's teacher or ""."""

    stage: TeacherStage | StudentStage = field(kw_only=True)
    teacher: str = ""

    def facts(self) -> dict[str, Any]:
        """The stage's name and its teacher's digest."""
        return {"stage": self.stage.name, "teacher": self.teacher}

    def saved(self) -> dict[str, Any]:
        """The facts, and the projection where there is one."""
        return {**self.facts(), "projection": self._projection().state_dict()}

    def restore(self, content: Mapping[str, Any]) -> None:
        """Take over what a saved state holds. Raises TrainingError for another stage or teacher."""
        found = {name: content[name] for name in self.facts()}
        if found != self.facts():
            raise TrainingError(f"is of {found}, not of {self.facts()}")
        super().restore(content)
        self._projection().load_state_dict(content["projection"])

    def _projection(self) -> nn.Module:
        """What is trained beside the student; nothing for a teacher."""
        return self.stage.projection if isinstance(self.stage, StudentStage) else nn.Identity()


def start_teacher(config: NetworkConfig, settings: StageSettings) -> StageState:
    """The teacher at step 0, its stem from ImageNet where it has such a stem.

    Raises FileNotFoundError where the package with the ImageNet weights is missing.
    """
    seed_everything(settings.seed)
    network = SGDDiff(config)
    if isinstance(network.stem, EfficientNetLite0):
        load_imagenet_weights(network.stem)
    base = start_state(to_channels_last(network), settings)
    return StageState(base.network, base.average, base.optimiser, stage=TeacherStage(network))


def start_student(teacher: SGDDiff, config: NetworkConfig, settings: StageSettings) -> StageState:
    """The student at step 0, on the encoder of `teacher`, which is frozen in place.

    Raises ConfigError where the two encoders differ in size, or a setting makes no sense.
    """
    seed_everything(settings.seed)
    network, digest = SGDDiff(config), tensor_digest(teacher.state_dict())
    stage = StudentStage(network, teacher, settings.weights, settings.temperature, settings.teacher_steps)
    stage.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    base = start_state(network, settings)
    extra = list(stage.projection.parameters())
    if extra:
        base.optimiser.add_param_group({"params": extra, "weight_decay": settings.decay, "share": 1.0})
    return StageState(base.network, base.average, base.optimiser, stage=stage, teacher=digest)


def draw(
    stage: TeacherStage | StudentStage, pixels: Tensor, settings: StageSettings, step: int, first: int = 0
) -> tuple[Tensor, Tensor]:
    """Noise (B, K, h, w) and times (B) of the pictures `first..first + B` of a step's batch."""
    stride = stage.network.config.stride
    shape = (stage.noise_channels, pixels.shape[-2] // stride, pixels.shape[-1] // stride)
    noise, times = [], []
    for index in range(first, first + len(pixels)):
        # Drawn on the CPU whatever the device, so that the numbers are the same on both.
        rng = np.random.default_rng([settings.seed, step, index, NOISE])
        labelled, time_drawn = rng.random(2)
        times.append(time_drawn * TIME_MAX if labelled < settings.label_codes else 1.0)
        noise.append(torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)))
    return torch.stack(noise).to(pixels.device), torch.tensor(times, dtype=torch.float32).to(pixels.device)


def stage_losses(
    stage: nn.Module, state: StageState, pixels: Tensor, mask: Tensor, settings: StageSettings, first: int = 0
) -> dict[str, Tensor]:
    """The named losses of a batch. `stage` is `state.stage`, or what wraps it for several workers."""
    noise, times = draw(state.stage, pixels, settings, state.step, first)
    seeds = np.random.SeedSequence([settings.seed, state.step, first, BRANCHES])
    devices = [pixels.device] if pixels.device.type == "cuda" else []
    # Dropped branches (stochastic depth) read PyTorch's global generator.
    with torch.random.fork_rng(devices):
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        losses: dict[str, Tensor] = stage(pixels, mask, noise, times)
    return losses


def stage_step(
    state: StageState,
    pixels: Tensor,
    mask: Tensor,
    settings: StageSettings,
    first: int = 0,
    wrapped: nn.Module | None = None,
) -> dict[str, float]:
    """One update of the weights and of their average; returns the losses by name and their sum.

    wrapped: the stage inside what averages gradients over workers. Raises TrainingError, before anything has
    changed, where the loss is not a number.
    """
    state.stage.train()
    return descend(
        state, stage_losses(wrapped or state.stage, state, pixels, mask, settings, first), settings
    )
