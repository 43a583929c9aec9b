"""Train SGDDiff: the teacher on labels, then the student on its teacher.

Run the same command again to go on where it was stopped or killed. Exit codes: 0 done; 2 the config, the data
or the storage is wrong; 4 another run is at work on the storage; 130 interrupted; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.exits import Exit, Kinds, MistakesError
from jobs.flags import TO_STDOUT, add_config, add_json, add_verbose, level_of, under_ray_job, write_json
from jobs.logs import start_log
from sgddiff_batch.core.words import counted
from sgddiff_batch.errors import ConfigError, FatalError, SgddiffBatchError

EXAMPLES = (
    "sgddiff train --config train.yaml --check",
    "sgddiff train --config train.yaml --set teacher.steps=4000",
)
MISTAKES: Kinds = ()
"""In hours of work a ValueError may be one of the user's own classes of events."""


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
    add_json(parser)
    add_verbose(parser)


def run(options: argparse.Namespace) -> Exit:
    """Train, check or write cards, as the command line says."""
    start_log(level_of(options))
    if options.json is not None and not options.check:
        raise ConfigError("--json: it has what --check finds; give --check, too")
    with told_as_ours():
        _work(options)
    return Exit.DONE


def _work(options: argparse.Namespace) -> None:
    from jobs.training.config import load_train_config

    config = load_train_config(options.config, tuple(options.set), under_ray_job=under_ray_job())
    from jobs.training.job import run_training, write_all_cards

    if options.cards:
        for key in write_all_cards(config):
            print(f"card: {key}")
        return
    found = run_training(config, check_only=options.check)
    if options.json is not None:
        write_json(found, options.json)
    if options.check and options.json != TO_STDOUT:
        print(f"all sound: config, data and storage of {counted(len(config.stages), 'stage')}")


@contextmanager
def told_as_ours() -> Iterator[None]:
    """Raise what `models` raises as errors that the ladder of exit codes knows.

    A failure that nobody foresaw keeps its traceback: it may lie in the user's own classes of events.

    Raises:
        ConfigError: for what is wrong with config, data or storage; mistakes in the data keep a line each.
        FatalError: for a training that cannot go on.
    """
    from jobs.training.session import WRONG
    from models.data import DataError
    from models.training import TrainingError

    try:
        yield
    except SgddiffBatchError:
        raise
    except DataError as error:
        raise MistakesError(str(error).splitlines()) from error
    except WRONG as error:
        raise ConfigError(str(error)) from error
    except TrainingError as error:
        raise FatalError(str(error)) from error
    except Exception:
        logging.getLogger(__name__).exception("the training failed")
        raise
