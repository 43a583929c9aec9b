"""What every worker of a training does, on this machine or on Ray: open what it needs, and train."""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.training.config import EngineSection, TrainJobConfig
from jobs.training.events import EventGroup, Events, TensorBoardEvents, load_events
from jobs.training.pictures import DataSet, TrainingData, load_training_data
from jobs.training.plan import Listeners, TrainingPlan
from jobs.training.schedule import train_all
from models.checkpoint import CheckpointError
from models.config import ConfigError as NetworkConfigError
from models.data import DataError
from models.mixing import Mix
from models.worker import TrainingWorker
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.ledger import Fence

WRONG = (ConfigError, NetworkConfigError, DataError, CheckpointError, FileNotFoundError)
"""What is wrong with config, data or storage, and comes again however often it is tried."""


def teach(
    config: TrainJobConfig, data: TrainingData, worker: TrainingWorker, listeners: Listeners, fence: Fence
) -> None:
    """Train as a worker, and close the events. Raises as :func:`train_all`."""
    source = Mix(data.sets, data.weights)
    try:
        train_all(TrainingPlan(config, source, data.validation, data.facts, worker, listeners, fence))
    finally:
        listeners.events.close()


def load_data(config: TrainJobConfig) -> TrainingData:
    """The pictures of all sets, in memory. Raises DataError with all mistakes in one list."""
    sets = [DataSet(each.uri, each.weight, each.images, each.labels) for each in config.data.sets]
    return load_training_data(
        sets, config.data.validation, config.data.validation_seed, Path(config.data.cache)
    )


def worker_of(engine: EngineSection, rank: int, device: torch.device | None = None) -> TrainingWorker:
    """A worker, on a device given or on this machine's. Raises ConfigError if there is none."""
    device = device or _device(engine)
    precision = engine.precision
    if precision == "auto":
        precision = "bf16" if device.type == "cuda" else "fp32"
    return TrainingWorker(rank, engine.workers, device, precision, engine.accumulate)


def _device(engine: EngineSection) -> torch.device:
    cuda = torch.cuda.is_available()
    if engine.device == "cuda" and not cuda:
        raise ConfigError("engine.device: cuda was asked for, but PyTorch finds no GPU")
    return torch.device("cuda" if cuda and engine.device != "cpu" else "cpu")


def open_events(config: TrainJobConfig) -> Events:
    """All that the config names."""
    named = load_events(config.events.classes)
    board = config.events.tensorboard
    return EventGroup(*named, *([TensorBoardEvents(board)] if board else []))
