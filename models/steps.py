"""A step of a stage: what it draws, its losses, and the update, by one worker or several.

A step is a function of (settings, step) and of the saved state, dropped branches included, so a run that was
killed goes on as if it had not been. Noise is drawn a picture at a time: a worker that holds pictures
`first..` of a batch draws what one worker with the whole batch would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .diffusion import TIME_MAX
from .layers import DropPath
from .losses import total
from .stages import Stage, StageState
from .training import TrainingError, TrainSettings, descend, update_average
from .worker import TrainingWorker

# Tell the random numbers of one (seed, step, picture) apart from each other and from the crops'.
NOISE, BRANCHES = 1, 2

Crops = tuple[Tensor, Tensor]
"""Pixels (B, 3, S, S) in 0..255 and masks (B, 1, S, S) of 0 and 1."""


def draw(
    stage: Stage, pixels: Tensor, settings: TrainSettings, step: int, first: int = 0
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
    stage: nn.Module, state: StageState, pixels: Tensor, mask: Tensor, settings: TrainSettings, first: int = 0
) -> dict[str, Tensor]:
    """The named losses of a batch. `stage` is `state.stage`, or what wraps it for several workers."""
    noise, times = draw(state.stage, pixels, settings, state.step, first)
    seeds = np.random.SeedSequence([settings.seed, state.step, BRANCHES])
    for module in state.stage.modules():
        if isinstance(module, DropPath):
            module.place = first, max(settings.batch, first + len(pixels))
    # Dropped branches (stochastic depth) read PyTorch's global generator.
    with torch.random.fork_rng([]):
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        losses: dict[str, Tensor] = stage(pixels, mask, noise, times)
    return losses


def spread(state: StageState, worker: TrainingWorker) -> nn.Module:
    """The stage as this worker runs it: where there are several workers, inside what averages gradients."""
    if worker.workers == 1:
        return state.stage
    stage = nn.SyncBatchNorm.convert_sync_batchnorm(state.stage)  # type: ignore[no-untyped-call]
    return DistributedDataParallel(stage, [worker.device] if worker.device.type == "cuda" else None)


def stage_step(
    state: StageState,
    parts: Sequence[Crops],
    settings: TrainSettings,
    worker: TrainingWorker | None = None,
    wrapped: nn.Module | None = None,
) -> dict[str, float]:
    """One update of the weights and of their average from this worker's equal parts of a batch.

    wrapped: what `spread` made of the stage. Returns the losses by name and their sum, means over the whole
    batch of all workers. Raises TrainingError on every worker, before any weight has changed, where their sum
    is not a number.
    """
    worker = worker or TrainingWorker()
    stage = wrapped or state.stage
    state.stage.train()
    state.optimiser.zero_grad(set_to_none=True)
    values: dict[str, float] = {}
    for index, (part, (pixels, mask)) in enumerate(zip(worker.parts(settings.batch), parts, strict=True)):
        with _held_back(stage, index + 1 < len(parts)):
            with worker.autocast():
                losses = stage_losses(stage, state, pixels, mask, settings, part.start)
                loss = total(losses, settings.weights)
            (loss / len(parts)).backward()  # type: ignore[no-untyped-call]
        for name, value in {"loss": loss, **losses}.items():
            values[name] = values.get(name, 0.0) + float(value.detach()) / len(parts)
    values = worker.mean(values)
    if not math.isfinite(values["loss"]):
        raise TrainingError(
            f"the loss of step {state.step} is not a number: {values}; lower `rate` or `clip`"
        )
    descend(state.optimiser, state.step, settings)
    state.step += 1
    update_average(state.average, state.network, state.step, settings.ema)
    return values


def _held_back(stage: nn.Module, more: bool) -> AbstractContextManager[None]:
    """Workers average their gradients once a step, with the last part."""
    if more and isinstance(stage, DistributedDataParallel):
        return stage.no_sync()
    return nullcontext()
