"""A training from its first step to its last: the loop, the checkpoints by validation, the saved state."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from .checkpoint import save_checkpoint
from .config import with_settings
from .crops import draw_batch
from .data import Pair
from .metrics import Scores, merge_scores, score_picture
from .sgddiff import SGDDiff
from .training import TrainingError, TrainSettings, TrainState, learning_rate, train_step

log = logging.getLogger(__name__)

STATE_NAME = "state.train"

TakeStep = Callable[["TrainState", Tensor, Tensor], dict[str, float]]
"""One update from pixels and masks; returns the losses by name."""

Report = Callable[[int, dict[str, float]], None]
"""Called after every step with the step's number, from 1, and the losses by name."""


@torch.inference_mode()
def validate(network: SGDDiff, pairs: Sequence[Pair]) -> Scores:
    """Scores over whole pictures, one after another."""
    network.eval()
    device = network.noise_field.device
    scores = []
    for pair in pairs:
        saliency = network(torch.from_numpy(pair.pixels)[None].to(device))[0, 0]
        scores.append(score_picture((saliency * 255).round().to(torch.uint8).cpu().numpy(), pair.mask))
    return merge_scores(scores)


def shown(network: SGDDiff, validate_as: tuple[int, int] | None) -> SGDDiff:
    """The network with the (steps, trajectories) to validate with; itself for None."""
    if validate_as is None:
        return network
    changes = dict(zip(("diffusion.steps", "diffusion.trajectories"), validate_as, strict=True))
    view = SGDDiff(with_settings(network.config, changes)).to(network.noise_field.device)
    view.load_state_dict(network.state_dict())
    return view


def save_state(folder: Path, state: TrainState) -> None:
    """Write everything needed to go on, whole or not at all."""
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
        "best_f": state.best_f,
        **state.saved(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{STATE_NAME}"
    torch.save(content, fresh)
    fresh.replace(folder / STATE_NAME)


def load_state(folder: Path, state: TrainState) -> bool:
    """Continue `state` from `folder` if a state lies there; the file is read without unpickling code.

    Raises TrainingError where it is damaged, or of another run or other sizes.
    """
    path = folder / STATE_NAME
    if not path.is_file():
        return False
    try:
        state.restore(torch.load(path, map_location="cpu", weights_only=True))
    except TrainingError as error:
        raise TrainingError(f"{path} {error}; give this run a folder of its own") from error
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, EOFError, UnpicklingError) as error:
        raise TrainingError(
            f"{path} cannot be read, or is of other sizes: {error}; remove it to start"
        ) from error
    return True


def train(
    state: TrainState,
    pairs: Sequence[Pair],
    validation: Sequence[Pair],
    settings: TrainSettings,
    folder: Path,
    data_facts: dict[str, Any],
    clock: Callable[[], float] = time.monotonic,
    take_step: TakeStep | None = None,
    report: Report | None = None,
) -> TrainState:
    """Run to the last step. Writes `folder`/state, `last` and `best` (by validation) and validation.jsonl."""
    take = take_step or partial(train_step, settings=settings)
    saved = began = clock()
    first = state.step
    sums: dict[str, float] = {}
    while state.step < settings.steps:
        pixels, mask = draw_batch(pairs, settings.batch, settings.crops, settings.seed, state.step)
        values = take(state, pixels, mask)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value / settings.log_every
        if state.step % settings.log_every == 0:
            log.info(_progress(state.step, first, clock() - began, sums, settings))
            sums = {}
        if validation and (state.step % settings.validate_every == 0 or state.step == settings.steps):
            _validate_and_keep(state, validation, settings, folder, data_facts)
        if clock() - saved > settings.save_every_s or state.step == settings.steps:
            save_state(folder, state)
            saved = clock()
        if report is not None:
            report(state.step, values)
    return state


def _validate_and_keep(
    state: TrainState,
    validation: Sequence[Pair],
    settings: TrainSettings,
    folder: Path,
    data_facts: dict[str, Any],
) -> None:
    scores = validate(shown(state.average, settings.validate_as), validation)
    log.info(
        "validation step %d max F %.4f mean F %.4f MAE %.4f",
        state.step,
        scores.max_f,
        scores.mean_f,
        scores.mae,
    )
    facts = {**state.facts(), "step": state.step, "validation": asdict(scores), "settings": asdict(settings)}
    folder.mkdir(parents=True, exist_ok=True)
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
