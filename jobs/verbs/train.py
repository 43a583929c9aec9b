"""Train SGDDiff: the teacher on labels, then the student on its teacher.

Run the same command again to go on where it was stopped or killed.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from jobs.exits import Exit, tell
from jobs.flags import add_config, add_verbose, under_ray_job
from jobs.logs import start_log

if TYPE_CHECKING:
    from jobs.training.config import TrainJobConfig

EXAMPLES = (
    "sgddiff train --config train.yaml --check",
    "sgddiff train --config train.yaml --set teacher.steps=4000",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the verb."""
    add_config(parser, file="YAML file; data.sets and storage")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--check", action="store_true", help="check config, data and storage; train nothing")
    only.add_argument(
        "--cards",
        action="store_true",
        help="write the model cards of what the storage holds anew; train nothing",
    )
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Train, check or write cards, as the command line says."""
    level = logging.DEBUG if options.verbose else logging.INFO
    start_log(level, line="%(asctime)s %(message)s", times=None)
    return guarded_training(lambda: _work(options))


def _work(options: argparse.Namespace) -> None:
    from jobs.training.config import load_train_config

    config = load_train_config(options.config, tuple(options.set), under_ray_job=under_ray_job())
    if options.cards:
        _write_cards(config)
        return
    from jobs.training.job import run_training

    run_training(config, check_only=options.check)


def _write_cards(config: TrainJobConfig) -> None:
    from jobs.training.job import write_all_cards

    for key in write_all_cards(config):
        print(f"card: {key}")


def guarded_training(work: Callable[[], None]) -> Exit:
    """Call what trains, and end with the codes of what `models` raises, which the ladder does not know.

    A failure that nobody foresaw keeps its traceback: it may lie in the user's own classes of events.
    """
    from jobs.training.session import WRONG
    from models.data import DataError
    from models.training import TrainingError
    from sgddiff_batch.errors import SgddiffBatchError

    try:
        work()
    except DataError as error:
        print(f"train: {error}", file=sys.stderr)
        return Exit.WRONG
    except WRONG as error:
        return tell("train", error, Exit.WRONG)
    except TrainingError as error:
        return tell("train", error, Exit.FAILED)
    except SgddiffBatchError:
        raise
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from the last saved state", file=sys.stderr)
        return Exit.INTERRUPTED
    except Exception:
        logging.getLogger(__name__).exception("the training failed")
        return Exit.FAILED
    return Exit.DONE
