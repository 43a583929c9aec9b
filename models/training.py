"""How to train: settings, optimiser, learning rate, the moving average of the weights, and one update.

Everything random in a step is a function of (seed, step), and the whole state is saved, so a run that was
killed goes on as if it had not been.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from .config import ConfigError
from .crops import CropSettings
from .distillation import DistillWeights
from .sgddiff import SGDDiff
from .stem import EfficientNetLite

UNDECAYED = ("A_log", "D", "step_bias", "embedding", "frequencies")
FREE = frozenset({"save_every_s", "log_every", "validate_every", "validate_as"})
"""Settings that may change when a run goes on, because they do not decide what is learnt."""


class TrainingError(RuntimeError):
    """Training cannot go on: a state is of another run or damaged, or the loss is no longer a number."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train a stage. `batch` counts the crops of all workers; `rate` is the peak learning rate,
    `stem_rate` multiplies it for the pretrained stem, `clip` bounds the gradient's norm.

    label_codes: the share of crops whose code is their label's at a random time; the others start from pure
    noise, as every picture does at inference (not for a student). validate_as: (steps, trajectories) to
    validate with, None for the network's own; a teacher's 10 x 5 is slow on a CPU. teacher_steps: how many
    steps the teacher takes beside the student, rounded to a multiple of the student's; 0 for its own number.

    Raises ConfigError, naming the field, for what makes no sense.
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
    label_codes: float = 1.0
    temperature: float = 4.0
    teacher_steps: int = 0
    save_every_s: float = 180.0
    validate_every: int = 400
    validate_as: tuple[int, int] | None = None
    log_every: int = 20
    crops: CropSettings = field(default_factory=CropSettings)
    weights: DistillWeights = field(default_factory=DistillWeights)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "warmup", "validate_every", "log_every"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("rate", "clip", "temperature"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value > 0, name, "positive", value)
        for name in ("stem_rate", "decay", "power", "save_every_s", "teacher_steps", "seed"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value >= 0, name, "at least 0", value)
        for name in ("ema", "label_codes"):
            _require(0 <= getattr(self, name) <= 1, name, "in 0..1", getattr(self, name))
        _require(all(0 <= beta < 1 for beta in self.betas), "betas", "two numbers in [0, 1)", self.betas)
        as_ = self.validate_as or (1, 1)
        _require(all(n >= 1 for n in as_), "validate_as", "two numbers of at least 1", as_)

    def differences(self, saved: Mapping[str, Any]) -> list[str]:
        """What of a saved run's settings differs from these, a sentence each; FREE ones are passed over."""
        own, old = (
            {n: v for n, v in each.items() if n not in FREE} for each in (dataclasses.asdict(self), saved)
        )
        return differences(own, old)


def differences(own: Mapping[str, Any], saved: Mapping[str, Any]) -> list[str]:
    """Where two nested mappings of plain values differ, a sentence each, by dotted name."""
    now, then = dict(_flat(own)), dict(_flat(saved))
    return [
        f"{name} is {now.get(name)!r}, was {then.get(name)!r}"
        for name in sorted(now.keys() | then.keys())
        if now.get(name) != then.get(name)
    ]


def _require(holds: bool, name: str, allowed: str, found: object) -> None:
    if not holds:
        raise ConfigError(f"{name} must be {allowed}, found {found}")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, tuple(value) if isinstance(value, list) else value


def build_optimiser(network: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW; no decay on biases, norms, DyT, A_log, D; `share` scales a group's learning rate."""
    return torch.optim.AdamW(optimiser_groups(network, settings), lr=settings.rate, betas=settings.betas)


def optimiser_groups(network: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """The network's parameters by what they get of weight decay and of the learning rate."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        decayed = parameter.dim() > 1 and name.rsplit(".", 1)[-1] not in UNDECAYED
        groups.setdefault((name.startswith("stem."), decayed), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": settings.decay if decayed else 0.0,
            "share": settings.stem_rate if stem and _pretrained(network) else 1.0,
        }
        for (stem, decayed), parameters in groups.items()
    ]


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Linear warm-up, then poly decay to 0 at the last step."""
    warm = min(1.0, (step + 1) / settings.warmup)
    left = max(0.0, 1.0 - step / settings.steps)
    return settings.rate * warm * float(left**settings.power)


def descend(optimiser: torch.optim.Optimizer, step: int, settings: TrainSettings) -> None:
    """One update of the weights along the gradients that they hold, clipped by their norm.

    Raises TrainingError, before any weight has changed, where the norm is not a number.
    """
    rate = learning_rate(step, settings)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]
    trained = [p for group in optimiser.param_groups for p in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(trained, settings.clip))
    if not math.isfinite(norm):
        raise TrainingError(f"the gradient of step {step} is not a number; lower `rate`")
    optimiser.step()


@torch.no_grad()
def update_average(average: SGDDiff, network: SGDDiff, step: int, decay: float) -> None:
    """`average <- d * average + (1 - d) * weights`, with d small in the first steps."""
    keep = min(decay, (1 + step) / (10 + step))
    for old, new in zip(average.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - keep)


def _pretrained(network: nn.Module) -> bool:
    return isinstance(getattr(network, "stem", None), EfficientNetLite)


def seed_everything(seed: int) -> None:
    """Seed PyTorch's and NumPy's global generators, which initialisation uses."""
    torch.manual_seed(seed)
    np.random.seed(seed)
