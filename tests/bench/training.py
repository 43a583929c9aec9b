"""Pictures per second of each training stage, with one worker and two, and what a kept teacher would save.

    python -m tests.bench.training --data DIR [--steps N] [--batch N] [--crop-px N]

DIR is a data set in one of the layouts that jobs/train_distill.py knows. Workers are processes of one CPU
thread that average gradients over gloo; ratios are of one run, side by side.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed

from jobs.training.pictures.data import DataSet, load_training_data
from models.augmentation import augment
from models.crops import CropSettings
from models.mixing import Mix
from models.presets import preset
from models.run import Run, draw_parts, train
from models.sgddiff import SGDDiff
from models.stages import StageState, start_on_labels, start_student
from models.steps import draw
from models.storage import FolderStorage
from models.training import TrainSettings
from models.worker import TrainingWorker

WARM_STEPS = 2
PICTURES = 24


def main() -> None:
    options = _parse()
    source = _source(options.data)
    settings = TrainSettings(
        WARM_STEPS + options.steps,
        batch=options.batch,
        teacher_steps=4,
        crops=CropSettings(options.crop_px),
        log_every=1,
        validate_every=10**6,
    )
    print("| stage | workers | pictures/s | ratio to one | waiting for data |\n|---|---|---|---|---|")
    for stage in ("teacher", "student"):
        alone = 0.0
        for workers in (1, 2):
            speed, waiting = _measure(stage, source, settings, workers)
            alone = alone or speed
            print(f"| {stage} | {workers} | {speed:.2f} | {speed / alone:.2f} | {waiting:.1%} |", flush=True)
    _print_parts(source, settings)


def _measure(stage: str, source: Mix, settings: TrainSettings, workers: int) -> tuple[float, float]:
    """Pictures a second after the first steps, and the share of time that a worker waited for data."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = (workers, stage, source, settings, folder)
        torch.multiprocessing.spawn(_work, arguments, nprocs=workers)
        rows = torch.load(Path(folder) / "rows", weights_only=True)
    seconds = rows[-1]["spent_s"] - rows[WARM_STEPS - 1]["spent_s"]
    steps = rows[-1]["step"] - rows[WARM_STEPS - 1]["step"]
    return settings.batch * steps / seconds, rows[-1]["data_share"]


def _work(rank: int, workers: int, stage: str, source: Mix, settings: TrainSettings, folder: str) -> None:
    torch.set_num_threads(1)
    if workers > 1:
        distributed.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=workers)
    state = _start(stage, settings)
    run = Run(source, [], settings, FolderStorage(Path(folder)), worker=TrainingWorker(rank, workers))
    train(state, run)
    if rank == 0:
        torch.save(state.history["losses"], Path(folder) / "rows")
    if workers > 1:
        distributed.destroy_process_group()


def _start(stage: str, settings: TrainSettings) -> StageState:
    if stage == "teacher":
        return start_on_labels(preset("teacher"), settings)
    torch.manual_seed(0)
    return start_student(SGDDiff(preset("teacher")).eval(), preset("student"), settings)


def _print_parts(source: Mix, settings: TrainSettings) -> None:
    """What a student's step spends where: the part that kept features of the teacher would save."""
    torch.set_num_threads(1)
    state = _start("student", settings)
    stage = state.stage
    run = Run(source, [], settings, FolderStorage(Path("unused")))
    (crops,) = (augment(windows) for windows in draw_parts(run, 0))
    noise, times = draw(stage, crops[0], settings, 0)
    whole = _seconds(lambda: sum(stage(*crops, noise, times).values()).backward())
    with torch.no_grad():
        encoded = stage.teacher.encode(crops[0])
        encoding = _seconds(lambda: stage.teacher.encode(crops[0]))
        teaching = _seconds(lambda: stage._teach(encoded, noise))
    maps = [*encoded.features, *encoded.stem.values()]
    kept_mb = sum(x.numel() for x in maps) * 4 / len(crops[0]) / 1e6
    print(
        f"\nA student's step: encoder {encoding / whole:.0%}, teacher's {stage.teacher_steps} steps "
        f"{teaching / whole:.0%} of {whole / len(crops[0]):.2f} s a crop. Keeping the encoder's maps would "
        f"take {kept_mb:.1f} MB a crop, and each crop would have to come again without new augmentation."
    )


def _seconds(call: Callable[[], object], repeats: int = 3) -> float:
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best


def _source(folder: Path) -> Mix:
    data = load_training_data([DataSet(str(folder))], 0, 0, Path(tempfile.gettempdir()))
    return Mix((data.sets[0][:PICTURES],), (1.0,))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop-px", type=int, default=320)
    return parser.parse_args()


if __name__ == "__main__":
    main()
