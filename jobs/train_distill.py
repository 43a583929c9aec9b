"""Train SGDDiff: the teacher on labels, then the student on its teacher.

    python jobs/train_distill.py --config train.yaml [--set key=value ...] [--check]

Run the same command again to go on where it was stopped or killed. `--check` looks at config, data and
storage, and trains nothing. Exit codes: 0 trained; 2 config, data or storage is wrong; 4 another run is at
work on the storage; 130 stopped by Ctrl-C; 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

import torch

from jobs.commands import under_ray_job
from jobs.logs import start_log
from jobs.training.config import EngineSection, TrainJobConfig, load_train_config
from jobs.training.events import Events, Fanout, TensorBoardEvents, load_events
from jobs.training.pictures.data import DataSet, TrainingData, load_training_data
from jobs.training.reports import Teller
from jobs.training.schedule import Lesson, check_stages
from jobs.training.storage import lease_on, write_probe
from models.checkpoint import CheckpointError
from models.config import ConfigError as NetworkConfigError
from models.data import DataError
from models.mixing import Mix
from models.place import Place
from models.training import TrainingError
from sgddiff_batch.errors import ConfigError, LeaseHeldError, SgddiffBatchError
from sgddiff_batch.io.ledger import Fence
from sgddiff_batch.io.storage import open_store

log = logging.getLogger("train_distill")

EXIT_DONE, EXIT_FAILED, EXIT_WRONG, EXIT_HELD, EXIT_INTERRUPTED = 0, 1, 2, 4, 130
WRONG = (ConfigError, NetworkConfigError, DataError, CheckpointError, FileNotFoundError)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    start_log(line="%(asctime)s %(message)s", times=None, stream=sys.stdout)
    options = _parse(argv)
    try:
        config = load_train_config(options.config, tuple(options.set), under_ray_job=under_ray_job())
        run(config, check_only=options.check)
    except WRONG as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_WRONG
    except LeaseHeldError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_HELD
    except (SgddiffBatchError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from the last saved state", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_DONE


def run(config: TrainJobConfig, check_only: bool = False) -> None:
    """Check everything, then train on the engine that the config names.

    Raises:
        LeaseHeldError: if another run is at work on the storage.
        FatalError: if another run took the storage over while this one was paused.
    """
    on_ray = config.engine.kind == "ray"
    # Ray's driver may lie on a node without a GPU.
    place = place_of(config.engine, 0, torch.device("cpu") if on_ray else None)
    check_stages(config, place)
    data = load_data(config)
    _say(data)
    write_probe(open_store(config.storage))
    if check_only:
        return
    if on_ray:
        from jobs.training.on_ray import train_on_ray

        del data  # each worker loads its own
        train_on_ray(config)
        return
    torch.set_num_threads(config.engine.threads)
    with lease_on(config.storage, alone=True) as lease:
        teach(config, data, place, Teller(open_events(config)), lease)


def teach(config: TrainJobConfig, data: TrainingData, place: Place, teller: Teller, fence: Fence) -> None:
    """Train as the worker at a place, and close the events. Raises as :meth:`Lesson.run`."""
    source = Mix(data.sets, data.weights)
    try:
        Lesson(config, source, data.validation, data.facts, place, teller, fence).run()
    finally:
        teller.events.close()


def load_data(config: TrainJobConfig) -> TrainingData:
    """The pictures of all sets, in memory. Raises DataError with all mistakes in one list."""
    from pathlib import Path

    sets = [DataSet(each.uri, each.weight, each.images, each.labels) for each in config.data.sets]
    return load_training_data(
        sets, config.data.validation, config.data.validation_seed, Path(config.data.cache)
    )


def place_of(engine: EngineSection, rank: int, device: torch.device | None = None) -> Place:
    """The place of a worker, on a device given or on this machine's. Raises ConfigError if there is none."""
    device = device or _device(engine)
    precision = engine.precision
    if precision == "auto":
        precision = "bf16" if device.type == "cuda" else "fp32"
    return Place(rank, engine.workers, device, precision, engine.accumulate)


def _device(engine: EngineSection) -> torch.device:
    cuda = torch.cuda.is_available()
    if engine.device == "cuda" and not cuda:
        raise ConfigError("engine.device: cuda was asked for, but PyTorch finds no GPU")
    return torch.device("cuda" if cuda and engine.device != "cpu" else "cpu")


def open_events(config: TrainJobConfig) -> Events:
    """Everyone whom the config wants told."""
    named = load_events(config.events.classes)
    board = config.events.tensorboard
    return Fanout(*named, *([TensorBoardEvents(board)] if board else []))


def _say(data: TrainingData) -> None:
    training = sum(map(len, data.sets))
    log.info("%d pictures to train on, %d to validate", training, len(data.validation))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train_distill", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", required=True, metavar="FILE", help="YAML file; data.sets and storage")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="lay over the file")
    parser.add_argument("--check", action="store_true", help="check config, data and storage; train nothing")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
