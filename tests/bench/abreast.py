"""Networks trained side by side from one stream of crops, on a CUDA device if there is one, and scored.

    python -m tests.bench.abreast --data DIR --out DIR --lanes fpn:efficientnet-lite2@0 student-fine@0
        [--seconds 300] [--crops 20000] [--batch 16] [--crop 384] [--teachers CHECKPOINT ...]

A lane is a preset, or a rival with its stem, and a seed; "+hints" has a student learn from the teachers too.
All lanes see the same crops. Training ends after --crops or --seconds, whichever is first, and the rate falls
to 0 there. Whole validation pictures are scored on the CPU in float32. OUT/NAME gets the averaged weights of
each SGDDiff as a checkpoint, OUT/scores.json all scores.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from jobs.training.pictures.data import DataSet, TrainingData, load_training_data
from models.abreast import Abreast, Lane
from models.checkpoint import load_checkpoint, save_checkpoint
from models.crops import CropSettings
from models.device_crops import to_device
from models.distillation import DistillWeights
from models.hints import HintedLoss, LabelLoss, PlainLoss, Teachers
from models.presets import preset
from models.sgddiff import SGDDiff, to_channels_last
from models.stem import EfficientNetLite, load_imagenet_weights
from models.training import TrainSettings, seed_everything
from tests.bench.rival_networks import build_rival
from tests.bench.training_runs import evaluate

HELD_OUT, SPLIT_SEED, LABEL_CODES = 40, 0, 0.2
HINTS = "+hints"
RIVALS = ("fpn", "unet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, score and write what the command line names."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_float32_matmul_precision("high")
    data = load_training_data([DataSet(str(options.data))], HELD_OUT, SPLIT_SEED, Path(tempfile.gettempdir()))
    teachers = [load_checkpoint(folder).network.to(device) for folder in options.teachers]
    lanes = [make_lane(name, options, device, teachers) for name in options.lanes]
    train(lanes, data, options, teachers)
    write(lanes, data, options.out)
    return 0


def make_lane(name: str, options: argparse.Namespace, device: torch.device, teachers: list[SGDDiff]) -> Lane:
    """The lane that `name` describes: "student-fine@0", "fpn:efficientnet-lite2@1", "student@0+hints"."""
    kind, _, seed = name.removesuffix(HINTS).partition("@")
    seed_everything(int(seed or 0))
    settings = make_settings(options)
    network = make_network(kind).to(device)
    if not isinstance(network, SGDDiff):
        return Lane(name, network, PlainLoss(network, settings.weights), settings)
    if not name.endswith(HINTS):
        return Lane(name, network, LabelLoss(network, settings.weights, LABEL_CODES), settings)
    if not teachers:
        raise ValueError(f"{name} needs --teachers")
    loss = HintedLoss(network, teachers[0], settings.weights, options.temperature)
    return Lane(name, network, loss, settings, list(loss.projection.parameters()))


def make_network(kind: str) -> nn.Module:
    """A rival, "fpn:STEM", or a preset's network; either begins with ImageNet's stem where it has one."""
    rival, _, stem = kind.partition(":")
    if rival in RIVALS:
        return build_rival(rival, stem=stem or "efficientnet-lite0")
    network = SGDDiff(preset(kind))
    if isinstance(network.stem, EfficientNetLite):
        load_imagenet_weights(network.stem)
    return to_channels_last(network)


def make_settings(options: argparse.Namespace) -> TrainSettings:
    """The settings of every lane; crops are drawn as for the students that ship."""
    steps = math.ceil(options.crops / options.batch)
    crops = CropSettings(crop_px=options.crop, negatives=0.25, stretch=0.05, jpeg=0.1, paste=0.1)
    return TrainSettings(
        steps=steps,
        batch=options.batch,
        rate=options.rate,
        warmup=max(1, min(100, steps // 12)),
        crops=crops,
        weights=DistillWeights(features=0.5, trajectory=0.5, logits=1.0),
    )


def train(lanes: list[Lane], data: TrainingData, options: argparse.Namespace, teachers: list[SGDDiff]) -> int:
    """Train all lanes until the crops or the seconds are used up; returns the steps taken."""
    device, settings = lanes[0].device, lanes[0].settings
    pictures = to_device(data.sets[0], device)
    students = [lane.network for lane in lanes if isinstance(lane.network, SGDDiff)]
    teach = Teachers(teachers, students[0].config.stride) if teachers else None
    abreast = Abreast(lanes, pictures, settings.crops, options.batch, options.seed, teach)

    def plan(taken: int, seconds: float) -> int:
        return max(taken, min(settings.steps, int(taken * options.seconds / seconds)))

    return abreast.run(plan, options.log_every)


def write(lanes: list[Lane], data: TrainingData, out: Path) -> None:
    """Score each lane's average on the validation pictures, print it and write it."""
    out.mkdir(parents=True, exist_ok=True)
    rows = {}
    for lane in lanes:
        average = lane.average.cpu()
        rows[lane.name] = evaluate(average, data.validation)
        print(lane.name, rows[lane.name])
        if isinstance(average, SGDDiff):
            facts = {"stage": "direct", "lane": lane.name, "validation": rows[lane.name]}
            save_checkpoint(out / lane.name.replace(":", "-"), average, data.facts, facts)
    (out / "scores.json").write_text(json.dumps(rows, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests.bench.abreast", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with train-images and train-labels")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints and scores go")
    parser.add_argument("--lanes", nargs="+", required=True, help="PRESET@SEED[+hints] or fpn:STEM@SEED")
    parser.add_argument("--teachers", nargs="*", default=[], help="checkpoints; the first shows its features")
    parser.add_argument("--temperature", type=float, default=2.0, help="of the hints' maps (%(default)s)")
    parser.add_argument("--seconds", type=float, default=300.0, help="at most (%(default)s)")
    parser.add_argument("--crops", type=int, default=20_000, help="at most, a lane (%(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="crops a step (%(default)s)")
    parser.add_argument("--crop", type=int, default=384, help="px of a side (%(default)s)")
    parser.add_argument("--rate", type=float, default=8e-4, help="the peak learning rate (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the crops (%(default)s)")
    parser.add_argument("--log-every", type=int, default=50, help="steps a log line (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
