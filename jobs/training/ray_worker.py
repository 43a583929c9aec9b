"""What runs in the processes of Ray Train: a worker's share of the training, and what ends a run for good."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any

import ray.train
import ray.train.torch
import torch
from ray.train import UserCallback

from jobs.logs import start_log
from jobs.training.config import TrainJobConfig
from jobs.training.events import EventGroup, Events
from jobs.training.plan import Listeners
from jobs.training.retries import retrying
from jobs.training.session import WRONG, load_data, open_events, teach, worker_of
from models.processes import prepare_process
from models.training import TrainingError
from models.worker import TrainingWorker
from sgddiff_batch.core.words import on_one_line
from sgddiff_batch.errors import ConfigError, FatalError
from sgddiff_batch.io.ledger import LeaseWatch, parsed_lease, read_lease
from sgddiff_batch.io.storage import Store, open_store

log = logging.getLogger(__name__)

FINAL = (*WRONG, TrainingError, FatalError)
"""What comes again however often workers are started again."""


class StopsForGood(UserCallback):
    """Ends a run whose worker raised what is FINAL; Ray Train would start the workers again.

    Ray Train takes an error of a callback as the end.
    """

    def after_exception(self, run_context: object, worker_exceptions: Mapping[int, Exception]) -> None:
        """Raise the first such error. Workers that only miss the others' answers raise none of them."""
        for _, error in sorted(worker_exceptions.items()):
            if isinstance(error, FINAL):
                raise error
        for rank, error in sorted(worker_exceptions.items()):
            log.warning("a worker was lost, number %d: %s", rank, on_one_line(error)[:300])


def train_share(values: Mapping[str, Any]) -> None:
    """Train as one of Ray Train's workers. Raises as :func:`train_as`.

    values: `config`, a TrainJobConfig as plain values, and `token`, which the driver's lease has.
    """
    config = TrainJobConfig.model_validate(values["config"])
    worker = _worker_of(config)
    _speak(worker)
    events: Events = open_events(config) if worker.is_first else EventGroup()
    train_as(worker, config, values["token"], Listeners(events, _report))


def train_as(worker: TrainingWorker, config: TrainJobConfig, token: str, listeners: Listeners) -> None:
    """Train as a worker, as long as the driver holds the lease of that token.

    Raises:
        ConfigError: if this node has another storage than the driver's.
        FatalError: if another run took the storage over.
        TrainingError: as a local training does.
    """
    prepare_process(config.engine.threads)
    store = open_store(config.storage)
    _check_shared(store, token, worker)
    data = load_data(config)
    # A training writes so seldom that it can look each time.
    teach(config, data, worker, listeners, LeaseWatch(store, token, every_s=0.0))


def _worker_of(config: TrainJobConfig) -> TrainingWorker:
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return worker_of(config.engine, ray.train.get_context().get_world_rank(), device)


def _speak(worker: TrainingWorker) -> None:
    """The first worker says what a local training would; Ray prints it at the driver."""
    level = logging.INFO if worker.is_first else logging.WARNING
    start_log(level, force=True)


def _report(values: Mapping[str, Any]) -> None:
    ray.train.report(dict(values))


def _check_shared(store: Store, token: str, worker: TrainingWorker) -> None:
    """The driver's lease lies where its storage is."""
    found = retrying(partial(read_lease, store))
    if found is None or parsed_lease(store, found.data).token != token:
        raise ConfigError(
            f"storage: {store.uri} on {socket.gethostname()} (worker {worker.rank}) is not the folder that "
            "the driver sees, or another run took it over; name one that all nodes share, such as s3://"
        )
