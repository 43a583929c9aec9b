"""The diffusion of the mask code: schedule, code, noise, DDIM steps (DDP, Ji et al. 2023; Song et al. 2021).

Times run from 1 (noise) to 0 (clean). Each equation is one small function in the papers' symbols.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

TIME_MAX = 0.999


def log_snr(t: Tensor) -> Tensor:
    """The cosine schedule `-log(cos((t + 2e-4) / (1 + 2.5e-4) * pi / 2)^-2 - 1)`, the argument >= 1e-5."""
    angle = (t + 2e-4) / (1 + 2.5e-4) * (math.pi / 2)
    return -torch.log(torch.clamp(torch.cos(angle) ** -2 - 1, min=1e-5))


def alpha_sigma(level: Tensor) -> tuple[Tensor, Tensor]:
    """Signal and noise amplitudes of a log-SNR: alpha^2 + sigma^2 = 1."""
    return torch.sqrt(torch.sigmoid(level)), torch.sqrt(torch.sigmoid(-level))


def time_pairs(steps: int, time_difference: int) -> list[tuple[float, float]]:
    """(now, next) of each DDIM step, from noise to clean.

    `time_difference` 0 is the textbook grid; 1 jumps further ahead by one step, as the authors' code does:
    three steps are then (1, 1/3), (2/3, 0), (1/3, 0).
    """
    if steps < 1 or time_difference not in (0, 1):
        raise ValueError(
            f"steps must be >= 1 and time_difference 0 or 1, found {steps} and {time_difference}"
        )
    return [(1 - k / steps, max(1 - (k + 1 + time_difference) / steps, 0.0)) for k in range(steps)]


def noised_code(z0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """`z_t = alpha z0 + sigma eps`; z0 and noise (B, K, h, w), t (B)."""
    alpha, sigma = alpha_sigma(log_snr(t)[:, None, None, None])
    return alpha * z0 + sigma * noise


def ddim_step(z: Tensor, z0: Tensor, now: Tensor, following: Tensor) -> Tensor:
    """One deterministic step (eta 0): the noise that z0 implies, kept for the next time. Times are (B)."""
    alpha, sigma = alpha_sigma(log_snr(now)[:, None, None, None])
    alpha_next, sigma_next = alpha_sigma(log_snr(following)[:, None, None, None])
    noise = (z - alpha * z0) / sigma.clamp(min=1e-8)
    return alpha_next * z0 + sigma_next * noise


def periodic_noise(
    field: Tensor, origins: Tensor, height: int, width: int, stride: int, trajectory: int = 0
) -> Tensor:
    """The fixed noise at absolute positions: cell (r, c) of the mosaic reads field[:, r mod P, c mod P].

    field (K, P, P); origins (B, 2) each picture's absolute pixel (row, col); returns (B, K, height, width)
    for latent cells of `stride` pixels. Overlapping tiles therefore see the same noise. Further trajectories
    read the same field from elsewhere.
    """
    period = field.shape[-1]
    first = torch.div(origins.to(field.device), stride, rounding_mode="floor")
    rows = (first[:, 0, None] + trajectory * 19 + torch.arange(height, device=field.device)) % period
    columns = (first[:, 1, None] + trajectory * 29 + torch.arange(width, device=field.device)) % period
    return field[:, rows[:, :, None], columns[:, None, :]].transpose(0, 1)


class MaskCode(nn.Module):
    """The code of a mask: an embedding of the two classes, `z0 = (2 sigmoid(E[y]) - 1) * bit_scale`."""

    def __init__(self, channels: int, bit_scale: float) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(2, channels))
        self.bit_scale = bit_scale

    def forward(self, probabilities: Tensor) -> Tensor:
        """Class probabilities (B, 2, h, w), one-hot for a label, to the code (B, K, h, w).

        For a label this is DDP's lookup; for soft feedback the embeddings are mixed before the sigmoid, so
        that gradients flow.
        """
        mixed = torch.einsum("bkhw,kc->bchw", probabilities.float(), self.embedding.float())
        return (2 * torch.sigmoid(mixed) - 1) * self.bit_scale


class TimeEmbedding(nn.Module):
    """A learned sinusoid of the log-SNR through an MLP (Kingma et al. 2021), for times."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(features // 2))
        self.mlp = nn.Sequential(nn.Linear(features + 1, dim), nn.GELU(), nn.Linear(dim, dim), nn.SiLU())

    def forward(self, t: Tensor) -> Tensor:
        """t (B) in 0..1 to (B, dim)."""
        level = log_snr(t)[:, None]
        phase = level * self.frequencies * (2 * math.pi)
        out: Tensor = self.mlp(torch.cat([level, phase.sin(), phase.cos()], dim=-1))
        return out
