"""Small stages of both kinds, and runs of them, for the tests of stages, steps and runs."""

import numpy as np
import torch

from models.config import with_settings
from models.crops import CropSettings, draw_batch
from models.data import make_pair
from models.mixing import Mix
from models.presets import preset
from models.run import Run, train
from models.sgddiff import SGDDiff
from models.stages import start_on_labels, start_student
from models.steps import stage_step
from models.storage import FolderStorage
from models.training import TrainSettings

TEACHER = with_settings(
    preset("tiny"),
    {"preset": "tiny-teacher", "decoder.dim": 32, "diffusion.steps": 6, "diffusion.trajectories": 2},
)


SETTINGS = TrainSettings(
    steps=4,
    batch=2,
    warmup=2,
    rate=4e-3,
    ema=0.97,
    validate_every=2,
    log_every=1,
    save_every_s=0.0,
    validate_as=(1, 1),
    crops=CropSettings(32),
)


def tiny_student(steps=1):
    return with_settings(preset("tiny"), {"diffusion.steps": steps})


def make_teacher():
    torch.manual_seed(11)
    return SGDDiff(TEACHER).eval()


def start(which, settings=SETTINGS, device="cpu"):
    """A stage at step 0. The teacher's blocks drop branches, by PyTorch's global generator."""
    if which == "teacher":
        return start_on_labels(with_settings(TEACHER, {"encoder.drop_path": 0.4}), settings, device=device)
    return start_student(
        make_teacher().to(device), tiny_student(3 if "three" in which else 1), settings, device=device
    )


def take(state, pairs, count, settings=SETTINGS):
    """That many steps; the losses of each."""
    batches = (
        draw_batch(pairs, settings.batch, settings.crops, settings.seed, state.step) for _ in range(count)
    )
    return [stage_step(state, [batch], settings) for batch in batches]


def tensors_of(state):
    """Everything that a run carries on, by name."""
    found = {f"network.{n}": t for n, t in state.network.state_dict().items()}
    found |= {f"average.{n}": t for n, t in state.average.state_dict().items()}
    if hasattr(state.stage, "projection"):
        found |= {f"projection.{n}": t for n, t in state.stage.projection.state_dict().items()}
    for index, moments in state.optimiser.state_dict()["state"].items():
        found |= {f"optimiser.{index}.{n}": t for n, t in moments.items()}
    return found


def run_stage(state, pairs, validation, settings, folder, facts, **more):
    return train(state, make_run(pairs, validation, settings, folder, facts, **more))


def make_run(pairs, validation, settings, folder, facts, **more):
    return Run(Mix((pairs,), (1.0,)), validation, settings, FolderStorage(folder), facts, **more)


def shapes(count):
    """Pictures of 64 px: dark noise, and one bright disc or square each."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:64, :64]
    pairs = []
    for index in range(count):
        pixels = rng.integers(0, 70, (3, 64, 64), dtype=np.uint8)
        y, x = np.abs(rows - rng.integers(18, 46)), np.abs(columns - rng.integers(18, 46))
        radius = int(rng.integers(8, 16))
        mask = (np.hypot(y, x) if index % 2 else np.maximum(y, x)) < radius
        pixels[:, mask] += rng.integers(90, 160, (3, 1), dtype=np.uint8)
        pairs.append(make_pair(f"shape{index}", pixels, mask))
    return pairs
