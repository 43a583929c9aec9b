"""A worker of Ray Train: it trains in the driver's storage alone, and some errors end the run for good."""

from __future__ import annotations

import importlib
import os
import pickle
from types import SimpleNamespace

import pytest
import torch

from jobs.training.plan import Listeners
from jobs.training.storage import lease_on
from models.checkpoint import CheckpointError
from models.data import DataError
from models.training import TrainingError
from models.worker import TrainingWorker
from sgddiff_batch.errors import ConfigError, FatalError, RetryableError
from sgddiff_batch.io.storage.store import open_store
from tests.kit.data_sets import write_set
from tests.kit.logs import enable_our_loggers
from tests.kit.training_plans import HeardEvents, config_of

pytestmark = [
    # Ray makes its context of settings with fields that it has deprecated itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("_ray_is_imported"),
]


@pytest.fixture(scope="module")
def _ray_is_imported():
    """As `connect_ray` would import it, for the clusters of later tests."""
    from sgddiff_batch.engine.ray_cluster import _PRIVATE

    for name, value in _PRIVATE.items():
        os.environ.setdefault(name, value)
    importlib.import_module("ray.train")


@pytest.fixture
def config(tmp_path):
    write_set(tmp_path / "squares", range(4))
    sets = [{"uri": str(tmp_path / "squares")}]
    return config_of(tmp_path / "run", data={"sets": sets, "validation": 0, "cache": str(tmp_path / "cache")})


@pytest.mark.parametrize(
    "error",
    [
        TrainingError("state.train is of another run: rate is 1, was 2"),
        DataError(["a.png: no label"]),
        ConfigError("storage: another"),
        CheckpointError("no checkpoint"),
        FatalError("another run took the storage over"),
        FileNotFoundError("the package with the ImageNet weights"),
    ],
)
def test_what_would_only_come_again_ends_a_run_and_reaches_the_driver_as_it_was(error):
    from ray.train import ControllerError

    from jobs.training.on_ray import cause_of
    from jobs.training.ray_worker import StopsForGood

    with pytest.raises(type(error)) as raised:
        StopsForGood().after_exception(None, {0: RuntimeError("the other worker left"), 1: error})
    cause = cause_of(pickle.loads(pickle.dumps(ControllerError(raised.value))), 3)
    assert (type(cause), str(cause)) == (type(error), str(error))


def test_of_several_such_errors_the_first_workers_is_told():
    from jobs.training.ray_worker import StopsForGood

    with pytest.raises(ConfigError, match="of worker 1"):
        StopsForGood().after_exception(None, {2: ConfigError("of worker 2"), 1: ConfigError("of worker 1")})


@pytest.mark.parametrize(
    "error", [RuntimeError("Connection closed by peer"), RetryableError("the store is busy")]
)
def test_what_may_pass_is_left_to_ray_trains_retries(error):
    from ray.train import WorkerGroupError

    from jobs.training.on_ray import cause_of
    from jobs.training.ray_worker import StopsForGood

    StopsForGood().after_exception(None, {0: error})
    cause = cause_of(WorkerGroupError(str(error), {0: error}), 3)
    assert isinstance(cause, TrainingError)
    words = "engine.failures allows 3 lost workers: Training failed due to worker errors:"
    assert f"{words} {error}" in str(cause)


def test_lost_workers_are_logged_by_their_numbers_in_a_line_each(caplog):
    from jobs.training.ray_worker import StopsForGood

    enable_our_loggers()
    errors = {1: RuntimeError("gone\n for good"), 0: RuntimeError("x" * 1000)}
    StopsForGood().after_exception(None, errors)
    first, second = (record.getMessage() for record in caplog.records)
    assert first == f"a worker was lost, number 0: {'x' * 300}"
    assert second == "a worker was lost, number 1: gone for good"


def test_a_node_without_the_drivers_storage_is_told_apart(tmp_path):
    from jobs.training.ray_worker import _check_shared

    worker, store = SimpleNamespace(rank=3), open_store(str(tmp_path))
    with lease_on(store.uri, alone=False) as lease:
        token = lease.watch().token
        _check_shared(store, token, worker)
        for folder, given in ((store, "another"), (open_store(str(tmp_path / "elsewhere")), token)):
            with pytest.raises(ConfigError, match=r"\(worker 3\) is not the folder that the driver sees"):
                _check_shared(folder, given, worker)


def test_a_worker_trains_as_long_as_the_driver_holds_the_lease(config, tmp_path):
    from jobs.training.ray_worker import train_as

    before, events = torch.get_num_threads(), HeardEvents()
    try:
        with lease_on(config.storage, alone=False) as lease:
            train_as(TrainingWorker(), config, lease.watch().token, Listeners(events))
        with pytest.raises(ConfigError, match="is not the folder that the driver sees"):
            train_as(TrainingWorker(), config, "the token of a driver of before", Listeners(HeardEvents()))
    finally:
        torch.set_num_threads(before)
    assert (tmp_path / "run/seed-0/direct/last/checkpoint.json").is_file()
    assert events.closed == 1
