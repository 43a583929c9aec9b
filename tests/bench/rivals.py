"""The student beside what a user would pick instead: a plain FPN and a plain U-Net, trained alike.

    python -m tests.bench.rivals --data DIR [--steps 1000 --crop 320] [--results FILE] [--seeds 0 1 2]
    python -m tests.bench.rivals --table [--time]

Same pictures, crops, steps, optimiser, schedule, clipping, averaging and protocol; the rivals learn from
BCE + IoU on the full map. --time measures the seconds of one tile of 576 px, one thread, the networks taking
turns in one process, so that whatever else the machine does touches all of them.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.losses import binary_cross_entropy, soft_iou_loss
from models.presets import preset
from models.sgddiff import SGDDiff, to_channels_last
from models.stem import fold_batch_norms, load_imagenet_weights
from models.training import TrainingError, TrainSettings, learning_rate
from tests.bench.ablation import train_direct
from tests.bench.rival_networks import Rival, build_rival
from tests.bench.run_log import Run, read_runs
from tests.bench.run_options import Train, budget_of, build_parser, command, run_all
from tests.bench.tables import LEGEND, Row, by_budget, facts_line, markdown, scores_table
from tests.bench.training_runs import Budget, Split, cost, evaluate, run_steps
from tests.bench.variants import all_variants

RESULTS = Path(__file__).parent / "results" / "rivals.jsonl"
TILE_PX = 576
STUDENT = replace(all_variants()[0], name="student", against="student", steps_shown=(1,))
ROWS = [
    Row("student", STUDENT.what, "student"),
    Row("fpn", "plain FPN, EfficientNet-Lite0 from ImageNet", "student"),
    Row("unet", "plain U-Net, EfficientNet-Lite0 from ImageNet", "student"),
]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when all runs are there, 2 when the command, the data or the results file is wrong."""
    parser = build_parser("tests.bench.rivals", "the student beside plain networks", RESULTS)
    parser.add_argument("--time", action="store_true", help="also measure the seconds of a tile")
    parser.add_argument("--repeat", type=int, default=9, help="tiles a network with --time (%(default)s)")
    return command(_run, parser.parse_args(arguments))


def train_rival(name: str, budget: Budget, seed: int, split: Split) -> Mapping[str, Any]:
    """Train a rival as the student is trained, and score the average of its weights."""
    settings = budget.train_settings(seed, {})
    torch.manual_seed(seed)
    network = build_rival(name)
    trainer = Trainer(network, settings)
    spent = run_steps(trainer.step, split.training, settings)
    average = trainer.average.eval()
    scores = {"1": evaluate(average, split.validation)}
    return {"steps": 1, "scores": scores, **spent, **cost(average, average)}


class Trainer:
    """AdamW, warm-up, poly decay, clipping and an average of the weights, with the student's numbers."""

    def __init__(self, network: Rival, settings: TrainSettings) -> None:
        self.network, self.settings, self.taken = network.train(), settings, 0
        self.average = copy.deepcopy(network).requires_grad_(False)
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            share = settings.stem_rate if name.startswith("stem.") else 1.0
            decay = settings.decay if parameter.dim() > 1 else 0.0
            groups.setdefault((share, decay), []).append(parameter)
        self.optimiser = torch.optim.AdamW(
            [{"params": p, "weight_decay": decay, "share": share} for (share, decay), p in groups.items()],
            lr=settings.rate,
            betas=settings.betas,
        )

    def step(self, pixels: Tensor, mask: Tensor) -> dict[str, float]:
        """One update. Raises TrainingError where the loss is not a number."""
        rate = learning_rate(self.taken, self.settings)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        logits = self.network.logits(pixels)
        losses = {"bce": binary_cross_entropy(logits, mask), "iou": soft_iou_loss(logits, mask)}
        loss = losses["bce"] + losses["iou"]
        if not math.isfinite(float(loss.detach())):
            raise TrainingError(f"the loss of step {self.taken} is not a number")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimiser.step()
        self.taken += 1
        self._update_average()
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.settings.ema, (1 + self.taken) / (10 + self.taken))
        for old, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
            old.lerp_(new, 1 - keep)


def measure_seconds(repeat: int, tile_px: int = TILE_PX) -> dict[str, float]:
    """Median seconds of a tile by each network, in turns; norms folded, channels last, one thread each."""
    networks: dict[str, nn.Module] = {}
    for name in ("student", "student-fine"):
        network = to_channels_last(SGDDiff(preset(name)))
        load_imagenet_weights(network.stem)
        networks[name] = network
    networks |= {name: build_rival(name) for name in ("fpn", "unet")}
    networks["fpn-lite2"] = build_rival("fpn", stem="efficientnet-lite2")
    for module in networks.values():
        fold_batch_norms(module.eval())
    tile = torch.randint(0, 256, (1, 3, tile_px, tile_px), dtype=torch.uint8)
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    with torch.inference_mode():
        for turn in range(repeat + 1):
            for name, module in networks.items():
                began = time.perf_counter()
                module(tile)
                if turn:  # the first warms up
                    seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in seconds.items()}


def print_tables(runs: Sequence[Run]) -> None:
    """Print the table of each budget in the file."""
    for heading, group in by_budget(runs).items():
        print(f"**{heading}**\n\n{scores_table(ROWS, group)}\n\n{facts_line(group)} {LEGEND}\n")


def print_seconds(repeat: int) -> None:
    """Measure and print the seconds of a tile, and each as a multiple of the student's."""
    found = measure_seconds(repeat)
    body = [[name, f"{s:.3f}", f"{s / found['student']:.2f}"] for name, s in found.items()]
    print(markdown(["network", f"s a tile of {TILE_PX} px", "times the student's"], body))


def _trainer(name: str, budget: Budget) -> Train:
    return partial(train_direct, STUDENT, budget) if name == "student" else partial(train_rival, name, budget)


def _run(options: argparse.Namespace) -> None:
    if not options.table:
        budget = budget_of(options)
        settings: dict[str, dict[str, Any]] = {row.name: {} for row in ROWS} | {"student": STUDENT.settings}
        run_all(options, settings, lambda name: _trainer(name, budget))
    print_tables(read_runs(options.results))
    if options.time:
        print_seconds(options.repeat)


if __name__ == "__main__":
    sys.exit(main())
