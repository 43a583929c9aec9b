"""The training loop in plain PyTorch: one student, trained on labels, resumable at any step.

Everything random in a step is a function of (seed, step), and the whole state is saved, so a run that was
killed goes on as if it had not been.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .checkpoint import save_checkpoint
from .data import CropSettings, Pair, draw_batch
from .diffusion import TIME_MAX, noised_code
from .losses import LossWeights, saliency_losses, total
from .metrics import Scores, merge_scores, score_picture
from .sgddiff import SGDDiff

log = logging.getLogger(__name__)

STATE_NAME = "state.train"
UNDECAYED = ("A_log", "D", "step_bias", "embedding", "frequencies")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train. Learning rates are peaks; `stem_rate` multiplies that of the pretrained stem.

    `label_codes`: the share of crops whose code is their label's at a random time; the others start from pure
    noise, as every picture does at inference.
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
    rate = learning_rate(state.step, settings)
    for group in state.optimiser.param_groups:
        group["lr"] = rate * group["share"]
    state.network.train()
    losses = training_losses(state.network, pixels, mask, settings.label_codes, generator)
    loss = total(losses, settings.weights)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip)
    state.optimiser.step()
    state.step += 1
    update_average(state, settings.ema)
    return {name: float(value.detach()) for name, value in {"loss": loss, **losses}.items()}


@torch.no_grad()
def update_average(state: TrainState, decay: float) -> None:
    """`average <- d * average + (1 - d) * weights`, with d small in the first steps."""
    keep = min(decay, (1 + state.step) / (10 + state.step))
    for old, new in zip(state.average.parameters(), state.network.parameters(), strict=True):
        old.lerp_(new, 1 - keep)


@torch.inference_mode()
def validate(network: SGDDiff, pairs: Sequence[Pair]) -> Scores:
    """Scores over whole pictures, one after another."""
    network.eval()
    scores = []
    for pair in pairs:
        saliency = network(torch.from_numpy(pair.pixels)[None])[0, 0]
        scores.append(score_picture((saliency * 255).round().to(torch.uint8).numpy(), pair.mask))
    return merge_scores(scores)


def save_state(folder: Path, state: TrainState) -> None:
    """Write everything needed to go on, whole or not at all."""
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
        "best_f": state.best_f,
    }
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{STATE_NAME}"
    torch.save(content, fresh)
    fresh.replace(folder / STATE_NAME)


def load_state(folder: Path, state: TrainState) -> bool:
    """Continue `state` from `folder` if a state lies there; the file is read without unpickling code."""
    path = folder / STATE_NAME
    if not path.is_file():
        return False
    content = torch.load(path, map_location="cpu", weights_only=True)
    state.network.load_state_dict(content["network"])
    state.average.load_state_dict(content["average"])
    state.optimiser.load_state_dict(content["optimiser"])
    state.step, state.best_f = content["step"], content["best_f"]
    return True


def train(
    state: TrainState,
    pairs: Sequence[Pair],
    validation: Sequence[Pair],
    settings: TrainSettings,
    folder: Path,
    data_facts: dict[str, Any],
    clock: Callable[[], float] = time.monotonic,
) -> TrainState:
    """Run to the last step. Writes `folder`/state, `last` and `best` (by validation) and validation.jsonl."""
    saved = began = clock()
    first = state.step
    sums: dict[str, float] = {}
    while state.step < settings.steps:
        pixels, mask = draw_batch(pairs, settings.batch, settings.crops, settings.seed, state.step)
        for name, value in train_step(state, pixels, mask, settings).items():
            sums[name] = sums.get(name, 0.0) + value / settings.log_every
        if state.step % settings.log_every == 0:
            log.info(_progress(state.step, first, clock() - began, sums, settings))
            sums = {}
        if state.step % settings.validate_every == 0 or state.step == settings.steps:
            _validate_and_keep(state, validation, settings, folder, data_facts)
        if clock() - saved > settings.save_every_s or state.step == settings.steps:
            save_state(folder, state)
            saved = clock()
    return state


def _validate_and_keep(
    state: TrainState,
    validation: Sequence[Pair],
    settings: TrainSettings,
    folder: Path,
    data_facts: dict[str, Any],
) -> None:
    scores = validate(state.average, validation)
    log.info(
        "validation step %d max F %.4f mean F %.4f MAE %.4f",
        state.step,
        scores.max_f,
        scores.mean_f,
        scores.mae,
    )
    facts = {"step": state.step, "validation": asdict(scores), "settings": asdict(settings)}
    with (folder / "validation.jsonl").open("a") as lines:
        lines.write(json.dumps({"step": state.step, **asdict(scores)}) + "\n")
    save_checkpoint(folder / "last", state.average, data_facts, facts)
    if scores.max_f > state.best_f:
        state.best_f = scores.max_f
        save_checkpoint(folder / "best", state.average, data_facts, facts)


def _progress(step: int, first: int, seconds: float, sums: dict[str, float], settings: TrainSettings) -> str:
    rate = (step - first) / max(seconds, 1e-9)
    named = " ".join(f"{name} {value:.4f}" for name, value in sums.items())
    left = (settings.steps - step) / rate / 60
    lr = learning_rate(step - 1, settings)
    speed = f"pictures/s {rate * settings.batch:.2f} left {left:.0f} min"
    return f"step {step}/{settings.steps} {named} lr {lr:.2e} {speed}"


def _pretrained(network: nn.Module) -> bool:
    return isinstance(network, SGDDiff) and network.config.stem.kind == "efficientnet-lite0"


def seed_everything(seed: int) -> None:
    """Seed PyTorch's and NumPy's global generators, which initialisation uses."""
    torch.manual_seed(seed)
    np.random.seed(seed)
