"""What `tests.bench.gpu` measures of the training: steps on crops that are there, and drawing crops."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
import torch

from models.checkpoint import load_checkpoint
from models.crops import CropSettings, draw_batch
from models.data import make_pair
from models.sgddiff import to_channels_last
from models.stages import LabelStage, StageState, start_student
from models.steps import stage_step
from models.training import TrainSettings, build_optimiser
from models.worker import TrainingWorker
from tests.bench.gpu_predicting import Subject

CROPS = {"cuda": (16, 384), "cpu": (2, 64)}
MOST_S = {"cuda": 15.0, "cpu": 1.0}


def training(subject: Subject, left_s: float) -> dict[str, Any]:
    """Crops a second of steps on labels and with a teacher (the network itself), and of drawing crops."""
    (batch, crop_px), most_s = CROPS[subject.device.type], MOST_S[subject.device.type]
    settings = TrainSettings(
        steps=10_000, batch=batch, crops=CropSettings(crop_px, negatives=0.25), teacher_steps=2
    )
    found: dict[str, Any] = {"batch": batch, "crop_px": crop_px}
    precision = "bf16" if subject.device.type == "cuda" else "fp32"
    for name in ("labels", "teacher"):
        state = _start(name, subject, settings)
        rate = _steps(state, subject, settings, precision, seconds=min(most_s, left_s / 6))
        found[f"{name}_crops_per_s"] = round(rate, 1)
    found["drawn_crops_per_s"] = round(_drawn(subject, settings, seconds=min(most_s / 2, left_s / 8)), 1)
    return found


def _start(name: str, subject: Subject, settings: TrainSettings) -> StageState:
    network = load_checkpoint(subject.checkpoint).network.requires_grad_(True)
    if name == "teacher":
        return start_student(copy.deepcopy(network), network.config, settings, network, subject.device)
    stage = LabelStage(to_channels_last(network), "direct", settings.weights).to(subject.device)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    return StageState(stage.network, average, build_optimiser(stage.network, settings), stage, "")


def _steps(
    state: StageState, subject: Subject, settings: TrainSettings, precision: str, seconds: float
) -> float:
    shape = (settings.batch, 3, settings.crops.crop_px, settings.crops.crop_px)
    pixels = torch.randint(0, 256, shape, device=subject.device).float()
    mask = (torch.rand(settings.batch, 1, *shape[2:], device=subject.device) > 0.9).float()
    worker = TrainingWorker(device=subject.device, precision=precision)
    for _ in range(2):
        stage_step(state, [(pixels, mask)], settings, worker)
    subject.wait()
    began, taken = time.perf_counter(), 0
    while not taken or time.perf_counter() - began < seconds:
        stage_step(state, [(pixels, mask)], settings, worker)
        taken += 1
    subject.wait()
    return taken * settings.batch / (time.perf_counter() - began)


def _drawn(subject: Subject, settings: TrainSettings, seconds: float) -> float:
    rng = np.random.default_rng(0)
    mask = np.zeros((700, 900), dtype=bool)
    mask[200:300, 300:500] = True
    pairs = [
        make_pair(f"noise{k}", rng.integers(0, 256, (3, 700, 900), dtype=np.uint8), mask) for k in range(4)
    ]
    began, taken = time.perf_counter(), 0
    while not taken or time.perf_counter() - began < seconds:
        draw_batch(pairs, settings.batch, settings.crops, 0, taken, device=subject.device)
        taken += 1
    subject.wait()
    return taken * settings.batch / (time.perf_counter() - began)
