"""The stages of a training in plain PyTorch: on labels alone, and a student on its teacher.

On labels there are two: `direct`, a student without a teacher, and `teacher`, which starts from label codes
more often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .checkpoint import tensor_digest
from .config import ConfigError, NetworkConfig
from .diffusion import noised_code
from .distillation import StudentStage
from .losses import PLAIN, LossWeights, saliency_losses
from .sgddiff import SGDDiff, to_channels_last
from .stem import EfficientNetLite, load_imagenet_weights
from .teacher import adopt_encoder
from .training import (
    TrainingError,
    TrainSettings,
    build_optimiser,
    differences,
    seed_everything,
)

ON_LABELS = ("direct", "teacher")


class LabelStage(nn.Module):
    """Conditional diffusion on the label's code, `t ~ U(0, .999)` or pure noise, and supervised losses."""

    def __init__(self, network: SGDDiff, name: str = "teacher", weights: LossWeights = PLAIN) -> None:
        super().__init__()
        self.network, self.name, self.weights = network, name, weights

    @property
    def noise_channels(self) -> int:
        """Channels of the noise that a step needs."""
        return self.network.config.diffusion.code_channels

    def train(self, mode: bool = True) -> LabelStage:
        """Training mode for what is trained; an encoder that is kept answers as it always did."""
        super().train(mode)
        for part in (self.network.stem, self.network.encoder):
            if not any(p.requires_grad for p in part.parameters()):
                part.eval()
        return self

    def forward(self, pixels: Tensor, mask: Tensor, noise: Tensor, times: Tensor) -> dict[str, Tensor]:
        """Named losses; pixels (B, 3, S, S) in 0..255, mask (B, 1, S, S), noise (B, K, h, w), times (B)."""
        encoded = self.network.encode(pixels)
        z0 = label_code(self.network, mask, *encoded.features[0].shape[-2:])
        denoised = self.network.denoise(encoded, noised_code(z0, noise, times), times)
        refined = self.network.refine(encoded, denoised)
        return saliency_losses(refined, denoised.logits, mask, self.weights)


Stage = LabelStage | StudentStage


@dataclass
class StageState:
    """What a stage carries from step to step; all of it is in a saved state.

    teacher: the digest of the student's teacher or "". spent_s: seconds of training, over restarts. sums:
    losses since the last row of the history, and under "" how many steps. history: rows of losses and of
    scores, by kind.
    """

    network: SGDDiff
    average: SGDDiff
    optimiser: torch.optim.AdamW
    stage: Stage
    teacher: str = ""
    step: int = 0
    best: float = -1.0
    spent_s: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    history: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {"losses": [], "scores": []})

    def facts(self) -> dict[str, Any]:
        """The stage's name, its teacher's digest, and whether its encoder is trained."""
        trained = any(p.requires_grad for p in self.network.encoder.parameters())
        return {"stage": self.stage.name, "teacher": self.teacher, "trains_encoder": trained}

    def saved(self) -> dict[str, Any]:
        """Everything to go on with, as plain values and tensors."""
        return {
            **self.facts(),
            "sizes": self.network.config.to_dict(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "projection": self._projection().state_dict(),
            "step": self.step,
            "best": self.best,
            "spent_s": self.spent_s,
            "sums": self.sums,
            "history": self.history,
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Take over what a saved state holds. Raises TrainingError for another stage, teacher or network."""
        found = {name: content[name] for name in self.facts()}
        if found != self.facts():
            raise TrainingError(f"is of {found}, not of {self.facts()}")
        sizes = differences(self.network.config.to_dict(), content["sizes"])
        if sizes:
            raise TrainingError("is of another network: " + "; ".join(sizes))
        self.network.load_state_dict(content["network"])
        self.average.load_state_dict(content["average"])
        self.optimiser.load_state_dict(content["optimiser"])
        self._projection().load_state_dict(content["projection"])
        self.step, self.best, self.spent_s = content["step"], content["best"], content["spent_s"]
        self.sums, self.history = content["sums"], content["history"]

    def _projection(self) -> nn.Module:
        """What is trained beside the student; nothing on labels."""
        return self.stage.projection if isinstance(self.stage, StudentStage) else nn.Identity()


def start_on_labels(
    config: NetworkConfig,
    settings: TrainSettings,
    name: str = "teacher",
    warm: SGDDiff | None = None,
    device: torch.device | str = "cpu",
    encoder: SGDDiff | None = None,
) -> StageState:
    """A teacher, or a student trained directly, at step 0, its stem from ImageNet where it has such a stem.

    warm: a network whose tensors are taken where names and shapes are equal. encoder: a network whose stem
    and encoder are taken and stay as they are.
    Raises FileNotFoundError where the package with the ImageNet weights is missing, ConfigError where
    `encoder` is of other sizes.
    """
    seed_everything(settings.seed)
    network = SGDDiff(config)
    if isinstance(network.stem, EfficientNetLite):
        load_imagenet_weights(network.stem)
    take_over(network, warm)
    if encoder is not None:
        adopt_encoder(network, encoder)
    stage = LabelStage(to_channels_last(network), name, settings.weights).to(device)
    return _start(stage, settings)


def start_student(
    teacher: SGDDiff,
    config: NetworkConfig,
    settings: TrainSettings,
    warm: SGDDiff | None = None,
    device: torch.device | str = "cpu",
) -> StageState:
    """The student at step 0, on the encoder of `teacher`, which is frozen in place.

    warm: a network whose tensors are taken where names and shapes are equal, but for the encoder.
    Raises ConfigError where the two encoders differ in size, or a setting makes no sense.
    """
    seed_everything(settings.seed)
    network, digest = SGDDiff(config), tensor_digest(teacher.state_dict())
    take_over(network, warm)
    stage = StudentStage(network, teacher, settings.weights, settings.temperature, settings.teacher_steps)
    stage.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = _start(stage.to(device), settings, digest)
    extra = list(stage.projection.parameters())
    if extra:
        state.optimiser.add_param_group({"params": extra, "weight_decay": settings.decay, "share": 1.0})
    return state


def take_over(network: SGDDiff, warm: SGDDiff | None) -> int:
    """Copy the tensors of `warm` whose names and shapes `network` has; returns how many.

    Raises ConfigError where none fits.
    """
    own = network.state_dict()
    given = warm.state_dict() if warm is not None else {}
    fitting = {name: t for name, t in given.items() if name in own and own[name].shape == t.shape}
    if given and not fitting:
        raise ConfigError(
            "init: none of the tensors of this checkpoint has a name and shape of the network's"
        )
    network.load_state_dict({**own, **fitting})
    return len(fitting)


def _start(stage: Stage, settings: TrainSettings, teacher: str = "") -> StageState:
    """A state at step 0; `average` is the exponential moving average of the weights."""
    network = stage.network
    average = SGDDiff(network.config).to(network.noise_field.device)
    average.load_state_dict(network.state_dict())
    average.requires_grad_(False)
    return StageState(network, average.eval(), build_optimiser(network, settings), stage, teacher)


def label_code(network: SGDDiff, mask: Tensor, height: int, width: int) -> Tensor:
    """The clean code (B, K, h, w) of a mask (B, 1, H, W): each cell takes the class of most of its pixels."""
    salient = (nn.functional.adaptive_avg_pool2d(mask, (height, width)) > 0.5).float()
    code: Tensor = network.code(torch.cat([1 - salient, salient], dim=1))
    return code
