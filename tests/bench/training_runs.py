"""Small training runs of one fixed budget, for tables: the data, the loop, the scores, the cost.

`ablation` and `rivals` share it. Validation pictures are carved from `train-*` by a seed that is the same for
all runs; `test-*` is never opened.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import models
from jobs.training.pictures.data import DataSet, load_training_data
from models.crops import CropSettings, draw_batch
from models.data import DataError, Pair, make_pair, split_pairs
from models.sod_metrics import ScoreSums, score_map
from models.training import TrainSettings

log = logging.getLogger("training_runs")

SPLIT_SEED = 0
MULTIPLE_PX = 32
COUNTED_PX = 352
LOG_EVERY = 50
SCORES = ("s", "max_f", "mean_f", "mae")

TakeStep = Callable[[Tensor, Tensor], Mapping[str, float]]
"""One update from pixels (B, 3, S, S) in 0..255 and masks (B, 1, S, S); returns the losses by name."""

Predict = Callable[[Tensor], Tensor]
"""Pixels (1, 3, H, W) uint8 to saliency (1, 1, H, W) in 0..1."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What every run of a table gets: `steps` batches of `batch` crops of crop_px.

    Pictures, for training and validation, are first reduced to at most side_px on their longer side;
    `validation` of them are held out.
    """

    steps: int = 300
    batch: int = 4
    crop_px: int = 192
    side_px: int = 640
    validation: int = 40

    def __post_init__(self) -> None:
        for entry in fields(self):
            if getattr(self, entry.name) < 1:
                raise ValueError(f"budget.{entry.name} must be at least 1, found {getattr(self, entry.name)}")
        if self.crop_px % MULTIPLE_PX:
            raise ValueError(f"budget.crop_px must be a multiple of {MULTIPLE_PX}, found {self.crop_px}")

    def train_settings(self, seed: int, changes: Mapping[str, Any], times: int = 1) -> TrainSettings:
        """Settings for `times` this budget's steps, a tenth of them warm-up, then `changes`."""
        steps = self.steps * times
        settings = TrainSettings(
            steps=steps,
            batch=self.batch,
            seed=seed,
            warmup=max(1, steps // 10),
            crops=CropSettings(crop_px=self.crop_px),
        )
        return changed(settings, changes)


@dataclass(frozen=True, slots=True)
class Split:
    """The pictures of a table's runs; `facts` say which, for the results file."""

    training: list[Pair]
    validation: list[Pair]
    facts: dict[str, Any]


def load_split(data: Path, budget: Budget) -> Split:
    """Read DATA/train-images and train-labels. Raises DataError for mistakes or too few pictures."""
    whole = load_training_data([DataSet(str(data))], 0, SPLIT_SEED, Path(tempfile.gettempdir())).sets[0]
    if len(whole) <= budget.validation:
        raise DataError([f"{data}: {len(whole)} pictures, and {budget.validation} are to be held out"])
    learn, check = split_pairs(len(whole), budget.validation, SPLIT_SEED)
    pairs = [reduce_pair(pair, budget.side_px) for pair in whole]
    names = ",".join(pairs[i].name for i in check)
    facts = {
        "name": data.resolve().name,
        "training": len(learn),
        "validation": hashlib.sha256(names.encode()).hexdigest()[:12],
    }
    return Split([pairs[i] for i in learn], [pairs[i] for i in check], facts)


def reduce_pair(pair: Pair, side_px: int) -> Pair:
    """The pair with its longer side reduced to side_px; itself where it is not longer."""
    longer = max(pair.mask.shape)
    if longer <= side_px:
        return pair
    height, width = (max(1, round(n * side_px / longer)) for n in pair.mask.shape)
    picture = Image.fromarray(pair.pixels.transpose(1, 2, 0).copy())
    mask = Image.fromarray(pair.mask.astype(np.uint8) * 255)
    small, small_mask = (np.asarray(p.resize((width, height), Image.Resampling.BOX)) for p in (picture, mask))
    return make_pair(pair.name, small.transpose(2, 0, 1).copy(), small_mask > 127)


def changed(settings: TrainSettings, changes: Mapping[str, Any]) -> TrainSettings:
    """A copy with fields replaced by name; "weights.iou" is a field of a field. Raises ValueError."""
    for name, value in changes.items():
        part, _, leaf = name.rpartition(".")
        owner: Any = getattr(settings, part, None) if part else settings
        if not is_dataclass(owner) or leaf not in {f.name for f in fields(owner)}:
            raise ValueError(f"unknown training setting {name}")
        new: Any = replace(owner, **{leaf: value})
        settings = replace(settings, **{part: new}) if part else new
    return settings


def run_steps(take: TakeStep, pairs: Sequence[Pair], settings: TrainSettings) -> dict[str, float]:
    """Take all steps; returns the seconds that they took, by the clock and of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    for step in range(settings.steps):
        losses = take(*draw_batch(pairs, settings.batch, settings.crops, settings.seed, step))
        if (step + 1) % LOG_EVERY == 0 or step + 1 == settings.steps:
            named = " ".join(f"{name} {value:.4f}" for name, value in losses.items())
            log.info("  step %d/%d %s %.0f s", step + 1, settings.steps, named, time.perf_counter() - wall)
    return {
        "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }


@torch.inference_mode()
def evaluate(predict: Predict, pairs: Sequence[Pair]) -> dict[str, float]:
    """S, max F, mean F and MAE over whole pictures by the protocol, no test-time augmentation."""
    scores = []
    for pair in pairs:
        saliency = predict(torch.from_numpy(pair.pixels)[None])[0, 0]
        scores.append(score_map((saliency * 255).round().to(torch.uint8).numpy(), pair.mask))
    means = asdict(ScoreSums.over(scores).means())
    return {name: round(float(means[name]), 5) for name in SCORES}


@torch.inference_mode()
def cost(network: nn.Module, predict: Predict) -> dict[str, float]:
    """Parameters in millions and multiply-adds in G of a picture of 352 x 352."""
    parameters = sum(p.numel() for p in network.parameters())
    with FlopCounterMode(display=False) as counter:
        predict(torch.zeros(1, 3, COUNTED_PX, COUNTED_PX, dtype=torch.uint8))
    return {
        "parameters_m": round(parameters / 1e6, 3),
        "gmac": round(counter.get_total_flops() / 2e9, 3),
    }


def code_digest() -> str:
    """A digest of the sources of `models`, as they lie on disk."""
    digest = hashlib.sha256()
    folder = Path(str(models.__file__)).parent
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
