"""The ablation table: what each part of the method is worth at a small fixed budget, over seeds.

    python -m tests.bench.ablation --data DIR [--results FILE] [--steps N] [--only NAME ...] [--seeds 0 1 2]
    python -m tests.bench.ablation --table

Run the same command again to go on after a kill: a run that is in the results file is left out, one that was
interrupted begins again. All runs get equal steps, not equal time, since other work on the machine would
change what fits into a minute; the time that each took is written down. A seed's teacher is trained once, and
is kept below --teachers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from models.checkpoint import load_checkpoint, save_checkpoint
from models.sgddiff import SGDDiff, to_channels_last
from models.stages import StageState, start_on_labels, start_student
from models.steps import stage_step
from models.training import TrainSettings, seed_everything
from tests.bench.run_log import Run, read_runs
from tests.bench.run_options import Train, budget_of, build_parser, command, run_all
from tests.bench.tables import LEGEND, Row, by_budget, facts_line, scores_table, steps_table
from tests.bench.training_runs import Budget, Split, code_digest, cost, evaluate, run_steps
from tests.bench.variants import DIRECT, TEACHER, Variant, all_variants

RESULTS = Path(__file__).parent / "results" / "ablation.jsonl"
TEACHERS = Path(".runs") / "ablation" / "teachers"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when all runs are there, 2 when the command, the data or the results file is wrong."""
    parser = build_parser("tests.bench.ablation", "the ablation table", RESULTS)
    parser.add_argument("--teachers", type=Path, default=TEACHERS, help="where teachers are kept")
    return command(_run, parser.parse_args(arguments))


def print_tables(runs: Sequence[Run]) -> None:
    """Print the tables of each budget in the file."""
    rows = [Row(v.name, v.what, v.against) for v in all_variants()]
    for heading, group in by_budget(runs).items():
        print(f"**{heading}**\n\n{scores_table(rows, group)}\n")
        print(f"Steps at inference, the same weights:\n\n{steps_table(rows, group)}\n")
        print(f"{facts_line(group)} {LEGEND}\n")


def train_direct(variant: Variant, budget: Budget, seed: int, split: Split) -> Mapping[str, Any]:
    """Train a student on labels alone."""
    return _train(start(variant, budget, seed), _settings(variant, budget, seed), variant, split)


def start(variant: Variant, budget: Budget, seed: int) -> StageState:
    """A row's network at step 0, for training on labels."""
    settings = _settings(variant, budget, seed)
    return start_on_labels(variant.config, settings, variant.kind, warm=_random(variant, seed))


def train_teacher(
    variant: Variant, budget: Budget, seed: int, split: Split, folder: Path
) -> Mapping[str, Any]:
    """Train a seed's teacher and keep it in `folder`."""
    state = start(variant, budget, seed)
    found = _train(state, _settings(variant, budget, seed), variant, split)
    save_checkpoint(folder, state.average, split.facts, {"seed": seed})
    return found


def train_student(
    variant: Variant, budget: Budget, seed: int, split: Split, teacher: SGDDiff
) -> Mapping[str, Any]:
    """Train a student on its teacher, whose encoder it takes."""
    settings = _settings(variant, budget, seed)
    state = start_student(to_channels_last(teacher), variant.config, settings)
    return _train(state, settings, variant, split)


def _settings(variant: Variant, budget: Budget, seed: int) -> TrainSettings:
    return budget.train_settings(seed, variant.train_settings, variant.times)


def _random(variant: Variant, seed: int) -> SGDDiff | None:
    """Weights that take the place of ImageNet's where a row does without; None where it does not."""
    if variant.imagenet:
        return None
    seed_everything(seed)
    return SGDDiff(variant.config)


def _train(state: StageState, settings: TrainSettings, variant: Variant, split: Split) -> Mapping[str, Any]:
    """Train to the end, score the averaged weights with each number of steps, count the cost."""
    spent = run_steps(
        lambda pixels, mask: stage_step(state, [(pixels, mask)], settings), split.training, settings
    )
    network = state.average.eval()
    own = variant.steps_shown[0]
    scores = {
        str(steps): evaluate(partial(network, steps=steps), split.validation) for steps in variant.steps_shown
    }
    return {"steps": own, "scores": scores, **spent, **cost(network, partial(network, steps=own))}


def _trainer(variant: Variant, budget: Budget, teachers: Path) -> Train:
    """How a variant is trained from a seed and a split."""
    if variant.kind == DIRECT:
        return partial(train_direct, variant, budget)
    if variant.kind == TEACHER:
        return lambda seed, split: train_teacher(
            variant, budget, seed, split, _teacher_folder(variant, budget, seed, split, teachers)
        )
    return lambda seed, split: train_student(
        variant, budget, seed, split, _teacher(budget, seed, split, teachers)
    )


def _teacher(budget: Budget, seed: int, split: Split, teachers: Path) -> SGDDiff:
    """A seed's teacher, trained here where it is not kept already."""
    variant = next(v for v in all_variants() if v.kind == TEACHER)
    folder = _teacher_folder(variant, budget, seed, split, teachers)
    if not folder.is_dir():
        train_teacher(variant, budget, seed, split, folder)
    return load_checkpoint(folder).network


def _teacher_folder(variant: Variant, budget: Budget, seed: int, split: Split, teachers: Path) -> Path:
    """Named by all that a teacher depends on, so that none is taken for another's."""
    facts = json.dumps([str(budget), variant.settings, split.facts, code_digest()], sort_keys=True)
    return teachers / f"seed{seed}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"


def _run(options: argparse.Namespace) -> None:
    if not options.table:
        variants = {variant.name: variant for variant in all_variants()}
        budget = budget_of(options)
        settings = {name: variant.settings for name, variant in variants.items()}
        run_all(options, settings, lambda name: _trainer(variants[name], budget, options.teachers))
    print_tables(read_runs(options.results))


if __name__ == "__main__":
    sys.exit(main())
