"""What the commands of the training tables share: their options, and the loop over seeds and rows."""

from __future__ import annotations

import argparse
import datetime
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from models.config import ConfigError
from models.data import DataError
from models.training import TrainingError
from tests.bench.run_log import RunLogError, append_run, finished, identity, prepare
from tests.bench.training_runs import Budget, Split, code_digest, load_split

log = logging.getLogger("training_runs")

Train = Callable[[int, Split], Mapping[str, Any]]
"""Trains a row with a seed on a split; returns what the results file holds of it beside its identity."""


def build_parser(name: str, what: str, results: Path) -> argparse.ArgumentParser:
    """The common options; the budget's fields are options of their own names."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=what)
    parser.add_argument("--data", type=Path, help="folder with train-images and train-labels")
    parser.add_argument("--results", type=Path, default=results, help="JSON Lines; grows run by run")
    names = {"steps": "--steps", "batch": "--batch", "crop_px": "--crop", "side_px": "--side"}
    for entry in fields(Budget):
        flag = names.get(entry.name, f"--{entry.name}")
        parser.add_argument(flag, dest=entry.name, type=int, default=entry.default, help="(%(default)s)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these rows alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--commit", default="", help="what to write down as the code's commit")
    parser.add_argument("--table", action="store_true", help="print the table of what is there, and end")
    return parser


def budget_of(options: argparse.Namespace) -> Budget:
    """The budget that the options give. Raises ValueError."""
    return Budget(**{entry.name: getattr(options, entry.name) for entry in fields(Budget)})


def chosen(names: Iterable[str], only: Sequence[str] | None) -> list[str]:
    """The rows to run, in the table's order. Raises ConfigError for one that is not there."""
    known = list(names)
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        raise ConfigError(f"--only: no row {', '.join(unknown)}; known: {', '.join(known)}")
    return [name for name in known if not only or name in only]


def run_all(
    options: argparse.Namespace, settings: Mapping[str, Mapping[str, Any]], train: Callable[[str], Train]
) -> None:
    """Train every row with every seed that is not in the results file yet, seed by seed.

    settings: a row's, by name, as they are written down. A row whose loss is no number is written down as
    failed, and the others go on.
    """
    budget = budget_of(options)
    if options.data is None:
        raise ConfigError("--data is needed to train; --table alone prints what is there")
    names = chosen(settings, options.only)
    prepare(options.results)
    split = load_split(options.data, budget)
    for seed in options.seeds:
        for name in names:
            run = {
                "name": name,
                "seed": seed,
                "budget": asdict(budget),
                "settings": settings[name],
                "data": split.facts,
            }
            if identity(run) in finished(options.results):
                log.info("%s seed %d: already there", name, seed)
                continue
            log.info("%s seed %d", name, seed)
            # Digested before the run: sources that change meanwhile were not what it ran.
            about = {"code": code_digest(), "commit": options.commit, "torch": torch.__version__}
            outcome = _attempt(train(name), seed, split)
            about["finished"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            append_run(options.results, {**run, **about, **outcome})
            log.info("%s seed %d: %s", name, seed, outcome.get("scores", outcome.get("error")))


def command(main: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a command; exit code 2 where the command, the data or the results file is wrong."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(options.threads)
    try:
        main(options)
    except (ConfigError, DataError, RunLogError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _attempt(train: Train, seed: int, split: Split) -> Mapping[str, Any]:
    try:
        return train(seed, split)
    except TrainingError as error:
        return {"error": str(error)}
