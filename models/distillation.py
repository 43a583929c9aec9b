"""Distillation: what the student's estimates are compared with, and the losses by name.

Teacher and student walk from the same noise. An estimate belongs to the time at which it is handed on: the
k-th of S steps, whatever its grid's `time_difference`, hands its clean code on at time `1 - (k + 1) / S`. The
teacher takes a multiple of the student's steps, so that each of the student's estimates has one of the
teacher's at exactly its time; a one-step student hands on at time 0 only, where the teacher's is its last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from .config import ConfigError, NetworkConfig
from .diffusion import MaskCode, ddim_step, time_pairs
from .layers import Pointwise
from .losses import LossWeights, saliency_losses
from .sgddiff import Denoised, Encoded, SGDDiff
from .teacher import adopt_code, adopt_encoder, freeze

# The fourth of six layers, counted from 0.
ALIGNED_LAYER = 3
# Keeps a teacher whose features are all zero from dividing by zero.
EPS = 1e-6


@dataclass(frozen=True, slots=True)
class DistillWeights(LossWeights):
    """What each term counts in the sum; a distillation term of weight 0 is off and not computed."""

    features: float = 1.0
    trajectory: float = 0.5
    logits: float = 0.5

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"weights.{entry.name} must be finite and at least 0, found {value}")

    @property
    def needs_teacher(self) -> bool:
        """Whether any distillation term is on."""
        return bool(self.features or self.trajectory or self.logits)


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """`||f_S - f_T||^2 / ||f_T||^2` a picture, averaged over pictures; both (B, C, h, w).

    Relative, because the decoder's trunk has no norm: at the fourth layer of a trained network its mean
    square is 29, and the plain L2 at weight 1 would leave BCE and IoU (.1 and .3 there) without a say.
    """
    teacher = teacher.float()
    square = (student.float() - teacher).square().mean((1, 2, 3))
    return (square / (teacher.square().mean((1, 2, 3)) + EPS)).mean()


def trajectory_loss(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Mean square between clean codes (B, K, h, w) at matched times, averaged over the times.

    Raises ValueError when the two have different numbers of codes.
    """
    squares = [fn.mse_loss(s.float(), t.float()) for s, t in zip(student, teacher, strict=True)]
    return torch.stack(squares).mean()


def logit_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """`T^2 KL(softmax(teacher / T) || softmax(student / T))`, mean over pixels; both (B, classes, H, W)."""
    found, wanted = (fn.log_softmax(x.float() / temperature, dim=1) for x in (student, teacher))
    divergence = fn.kl_div(found, wanted, reduction="none", log_target=True).sum(1)
    return divergence.mean() * temperature**2


def two_classes(logit: Tensor) -> Tensor:
    """One logit (B, 1, H, W) as two classes' (B, 2, H, W), the background's 0: the same probability."""
    return torch.cat([torch.zeros_like(logit), logit], dim=1)


def clean_codes(logits: Sequence[Tensor], code: MaskCode) -> list[Tensor]:
    """What the class distributions (logits (B, 2, h, w)) mean in `code`, in units of its bit_scale.

    Both networks' estimates are read in the teacher's code. So codes of different widths can be compared, and
    a student cannot lower the loss by changing its own embedding; without the unit, bit_scale would square
    into the term's weight (a factor of 10^4 from 1 to .01).
    """
    return [code(x.float().softmax(1)) / code.bit_scale for x in logits]


def matched_steps(teacher_steps: int, student_steps: int) -> int:
    """How many steps the teacher takes: the multiple of the student's that is nearest to its own number."""
    if teacher_steps < 1 or student_steps < 1:
        raise ValueError(f"steps must be at least 1, found {teacher_steps} and {student_steps}")
    return max(1, round(teacher_steps / student_steps)) * student_steps


def matched_estimates(teacher_steps: int, student_steps: int) -> list[int]:
    """For each of the student's estimates the index of the teacher's that is handed on at the same time."""
    if teacher_steps % student_steps:
        raise ValueError(f"{teacher_steps} steps of the teacher are no multiple of {student_steps}")
    ratio = teacher_steps // student_steps
    return [(k + 1) * ratio - 1 for k in range(student_steps)]


def estimates(network: SGDDiff, encoded: Encoded, noise: Tensor, steps: int) -> Iterator[Denoised]:
    """Every estimate of a DDIM walk from `noise` (B, K, h, w), with soft feedback, so that gradients flow."""
    z = noise
    for now, following in time_pairs(steps, network.config.diffusion.time_difference):
        times, next_times = (noise.new_full((len(noise),), t) for t in (now, following))
        denoised = network.denoise(encoded, z, times)
        yield denoised
        z = ddim_step(z, network.code(denoised.logits.float().softmax(1)), times, next_times)


def make_projection(student: NetworkConfig, teacher: NetworkConfig) -> nn.Module:
    """What takes the student's features to the teacher's width: a 1x1, or nothing where they are equal."""
    if student.decoder.dim == teacher.decoder.dim:
        return nn.Identity()
    return Pointwise(student.decoder.dim, teacher.decoder.dim)


class StudentStage(nn.Module):
    """The second stage: a student on its teacher's frozen encoder, and the losses that train it.

    `projection` is trained along and belongs to the training, not to the student. Pixels are encoded once, by
    the teacher: the student's stem and encoder are a copy of the teacher's.
    """

    name = "student"

    def __init__(
        self,
        student: SGDDiff,
        teacher: SGDDiff,
        weights: DistillWeights,
        temperature: float = 4.0,
        teacher_steps: int = 0,
    ) -> None:
        super().__init__()
        check_distillation(student.config, teacher.config, temperature)
        adopt_encoder(student, teacher)
        adopt_code(student, teacher)
        self.network, self.teacher = student, teacher.requires_grad_(False)
        self.projection = (
            make_projection(student.config, teacher.config) if weights.features else nn.Identity()
        )
        self.weights, self.temperature = weights, temperature
        self.steps = student.config.diffusion.steps
        if self.steps == 1:
            # Nothing is fed back, and every parameter that is trained must get a gradient.
            freeze(student.code)
        self.teacher_steps = matched_steps(teacher_steps or teacher.config.diffusion.steps, self.steps)
        self.train()

    @property
    def noise_channels(self) -> int:
        """Channels of the noise that both share; the narrower code reads the first of them."""
        codes = (n.config.diffusion.code_channels for n in (self.network, self.teacher))
        return max(codes)

    def train(self, mode: bool = True) -> StudentStage:
        """Training mode for what is trained; the frozen parts keep theirs, so that they answer as one."""
        super().train(mode)
        for part in (self.teacher, self.network.stem, self.network.encoder):
            part.eval()
        return self

    def forward(self, pixels: Tensor, mask: Tensor, noise: Tensor, times: Tensor) -> dict[str, Tensor]:
        """The named losses; pixels (B, 3, S, S) in 0..255, mask (B, 1, S, S), noise (B, K, h, w).

        The student starts from pure noise, as at inference; `times` (B) is what the teacher's stage uses.
        """
        with torch.no_grad():
            encoded = self.teacher.encode(pixels)
        own = list(estimates(self.network, encoded, self._noise(self.network, noise), self.steps))
        refined = self.network.refine(encoded, own[-1])
        losses = saliency_losses(refined, own[-1].logits, mask, self.weights)
        if self.weights.needs_teacher:
            losses.update(self._compare(encoded, own, refined, noise))
        return losses

    def _compare(
        self, encoded: Encoded, own: list[Denoised], refined: Tensor, noise: Tensor
    ) -> dict[str, Tensor]:
        """The distillation terms that are on."""
        wanted, wanted_map = self._teach(encoded, noise)
        losses: dict[str, Tensor] = {}
        if self.weights.features:
            pairs = zip(own, wanted, strict=True)
            terms = [
                feature_loss(self.projection(s.layers[ALIGNED_LAYER]), t.layers[ALIGNED_LAYER])
                for s, t in pairs
            ]
            losses["features"] = torch.stack(terms).mean()
        if self.weights.trajectory:
            codes = [clean_codes([d.logits for d in walk], self.teacher.code) for walk in (own, wanted)]
            losses["trajectory"] = trajectory_loss(*codes)
        if self.weights.logits:
            maps = (two_classes(refined), two_classes(wanted_map))
            losses["logits"] = logit_loss(*maps, self.temperature)
        return losses

    @torch.no_grad()
    def _teach(self, encoded: Encoded, noise: Tensor) -> tuple[list[Denoised], Tensor]:
        """The teacher's estimates at the student's times, and its final map's logits (B, 1, H, W)."""
        keep = set(matched_estimates(self.teacher_steps, self.steps))
        walk = estimates(self.teacher, encoded, self._noise(self.teacher, noise), self.teacher_steps)
        # One at a time: all layers of ten estimates are 49 MB a picture of 320 px.
        wanted = [denoised for index, denoised in enumerate(walk) if index in keep]
        return wanted, self.teacher.refine(encoded, wanted[-1])

    @staticmethod
    def _noise(network: SGDDiff, noise: Tensor) -> Tensor:
        return noise[:, : network.config.diffusion.code_channels]


def check_distillation(student: NetworkConfig, teacher: NetworkConfig, temperature: float) -> None:
    """Raises ConfigError for decoders without the layer that is aligned, and an impossible temperature."""
    for config in (student, teacher):
        if config.decoder.layers <= ALIGNED_LAYER:
            raise ConfigError(
                f"features are aligned after layer {ALIGNED_LAYER + 1}; preset {config.preset!r} has "
                f"decoder.layers {config.decoder.layers}"
            )
    if not (math.isfinite(temperature) and temperature > 0):
        raise ConfigError(f"temperature must be positive, found {temperature}")
