"""The training job: everything is checked, then this process trains, or Ray's workers do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import torch

from jobs.training.config import ORDER, TrainJobConfig
from jobs.training.events import Events
from jobs.training.pictures import TrainingData
from jobs.training.plan import Listeners, check_stages
from jobs.training.results import write_cards
from jobs.training.session import load_data, open_events, teach, worker_of
from jobs.training.storage import lease_on, write_probe
from models.processes import prepare_process
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.ledger import Lease
from sgddiff_batch.io.storage import open_store

log = logging.getLogger(__name__)


def run_training(
    config: TrainJobConfig,
    *,
    check_only: bool = False,
    lease_of: Callable[[str], Lease] = lambda storage: lease_on(storage, alone=True),
    events_of: Callable[[TrainJobConfig], Events] = open_events,
) -> Mapping[str, object]:
    """Check everything, then train on the engine that the config names; return what was found beforehand.

    lease_of and events_of: how this process takes the storage, and finds who hears of the training.

    Raises:
        LeaseHeldError: if another run is at work on the storage.
        FatalError: if another run took the storage over while this one was paused.
    """
    on_ray = config.engine.kind == "ray"
    if not on_ray:
        prepare_process(config.engine.threads)
    # Ray's driver may lie on a node without a GPU.
    worker = worker_of(config.engine, 0, torch.device("cpu") if on_ray else None)
    check_stages(config, worker)
    data = load_data(config)
    _check_calibration(config, data)
    found = _found(config, data)
    write_probe(open_store(config.storage))
    if check_only:
        return found
    if on_ray:
        from jobs.training.on_ray import train_on_ray

        del data  # each worker loads its own
        train_on_ray(config)
        return found
    with lease_of(config.storage) as lease:
        teach(config, data, worker, Listeners(events_of(config)), lease)
    return found


def write_all_cards(config: TrainJobConfig) -> list[str]:
    """Write the model cards of what lies finished in a storage anew; return their keys.

    A training does so when a stage ends; this is for cards that were lost, or are of an older code.

    Raises:
        ConfigError: if the storage is wrong, or holds nothing that was finished and assessed.
    """
    cards = [key for stage in ORDER for key in write_cards(open_store(config.storage), stage)]
    if not cards:
        raise ConfigError(f"storage: {config.storage}: no stage that was finished and assessed")
    return cards


def _check_calibration(config: TrainJobConfig, data: TrainingData) -> None:
    """What a stage is calibrated by at its end must be there at the beginning."""
    wanting = [name for name in config.stages if config.section(name).calibrate]
    if wanting and not any(pair.mask.any() for pair in data.validation):
        raise ConfigError(
            f"{wanting[0]}.calibrate: none of the {len(data.validation)} validation pictures has an object; "
            "give data.validation more of them, or leave it out"
        )


def _found(config: TrainJobConfig, data: TrainingData) -> dict[str, object]:
    training, validation = sum(map(len, data.sets)), len(data.validation)
    log.info("%d pictures to train on, %d to validate", training, validation)
    return {
        "pictures": {"training": training, "validation": validation},
        "stages": list(config.stages),
        "seeds": list(config.seeds),
        "engine": config.engine.kind,
        "storage": config.storage,
    }
