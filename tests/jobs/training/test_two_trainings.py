"""Two trainings on one storage: the second leaves, or takes over; who was replaced finds out and stops."""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys

import pytest
import torch

from jobs.exits import Exit
from jobs.training import storage
from jobs.training.config import load_train_config
from jobs.training.events import EventGroup, Events
from jobs.training.job import run_training
from jobs.training.plan import Listeners
from models.worker import TrainingWorker
from sgddiff_batch.errors import FatalError, LeaseHeldError
from sgddiff_batch.io.ledger.fence import LEASE, parsed_lease, read_lease
from sgddiff_batch.io.storage.store import open_store
from tests.kit import trainings

ONE_STAGE = ("stages=[teacher]", "teacher.steps=4", "teacher.validate_every=2")
TAKEN = """
import os, signal, sys
from jobs.training.storage import lease_on

lease_on(sys.argv[1], alone=sys.argv[2] == "alone").acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A process that is killed while it holds the lease."""


@pytest.fixture(autouse=True)
def _settled():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path):
    """The storage of the trainings, below a folder with their config and data."""
    data = trainings.write_data(tmp_path / "data")
    trainings.write_config(tmp_path / "run.yaml", data, tmp_path / "run")
    return tmp_path / "run"


def train(run, *assignments, check=False):
    """The exit code of the command, in this process."""
    flags = ["--check"] if check else []
    return trainings.train_here(run.with_name("run.yaml"), *ONE_STAGE, *assignments, *flags)


def config_of(run):
    return load_train_config(str(run.with_name("run.yaml")), ONE_STAGE)


def files(run):
    """The bytes of every file of a storage, but those of the lease."""
    found = [path for path in run.rglob("*") if path.is_file() and "_ledger" not in path.parts]
    return {path.relative_to(run): path.read_bytes() for path in found}


def lease_of(run):
    store = open_store(str(run))
    return parsed_lease(store, read_lease(store).data)


class Disturbed(Events):
    """Calls something at the first scores, in the midst of a training, and keeps what was stored then."""

    def __init__(self, run, call):
        self.run, self.call, self.stored = run, call, None

    def scores(self, stage, step, scores):
        if self.stored is None:
            self.stored = files(self.run)
            self.call()


def test_a_second_training_leaves_with_4_says_who_is_at_work_and_writes_nothing(run, capsys):
    with storage.lease_on(str(run), alone=True) as lease:
        assert train(run) == Exit.HELD == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert f"sgddiff train: another run is at work: {run} is leased to run {lease.run_id}" in line
    assert f"on {socket.gethostname()}, process {os.getpid()}, since " in line
    assert files(run) == {}


def test_the_driver_of_a_second_training_on_ray_leaves_before_it_asks_for_workers(run, monkeypatch):
    _import_ray(monkeypatch)
    on_ray = importlib.import_module("jobs.training.on_ray")
    held = pytest.raises(LeaseHeldError, match="another run is at work")
    with storage.lease_on(str(run), alone=True), held:
        on_ray.train_on_ray(config_of(run), contextlib.nullcontext, lambda: [{"CPU": 8.0}])
    assert files(run) == {}


def _import_ray(monkeypatch):
    """As `connect_ray` would."""
    from sgddiff_batch.engine.ray_cluster import _PRIVATE

    for name, value in _PRIVATE.items():
        if name not in os.environ:
            monkeypatch.setenv(name, value)
    importlib.import_module("ray.train.torch")


def test_a_check_goes_round_the_lease_of_another_and_takes_none_itself(run):
    assert train(run, check=True) == 0
    assert not (run / LEASE).exists()
    with storage.lease_on(str(run), alone=True) as lease:
        assert train(run, check=True) == 0
        lease.check()
        assert lease_of(run).run_id == lease.run_id


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_killed_training_of_this_machine_is_taken_over_at_once_or_as_soon_as_its_workers_know(run, engine):
    command = [sys.executable, "-W", "ignore", "-c", TAKEN, str(run), "alone" if engine == "local" else ""]
    environment = {**os.environ, "PYTHONPATH": str(trainings.ROOT)}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    lost, waits = lease_of(run), []
    assert not lost.released
    own = storage.lease_on(str(run), alone=True)
    own._sleep = waits.append
    run_training(config_of(run), lease_of=lambda _: own)
    assert sum(waits) == {"local": 0.0, "ray": lost.seconds / 4}[engine]
    assert (run / "seed-0" / "teacher" / "best").is_dir()


def test_a_training_that_was_paused_and_replaced_finds_out_before_it_writes(run):
    own, other = (storage.lease_on(str(run), alone=True) for _ in range(2))

    def be_replaced():
        """As if all had stood still for an hour, in which another run came."""
        own._renewed_s -= 3600
        assert other._take(read_lease(open_store(str(run))))

    events = Disturbed(run, be_replaced)
    with pytest.raises(FatalError, match=f"the lease was lost: it is {other.run_id}'s now"):
        run_training(config_of(run), lease_of=lambda _: own, events_of=lambda _: events)
    assert events.stored
    assert files(run) == events.stored
    assert lease_of(run).run_id == other.run_id


@pytest.mark.slow
def test_a_worker_of_ray_whose_driver_has_gone_finds_out_before_it_writes(run, monkeypatch):
    _import_ray(monkeypatch)
    ray_worker = importlib.import_module("jobs.training.ray_worker")
    driver = storage.lease_on(str(run), alone=False)
    events = Disturbed(run, driver.release)
    with driver, pytest.raises(FatalError, match="was lost: the run of this worker has ended"):
        ray_worker.train_as(TrainingWorker(), config_of(run), driver.watch().token, Listeners(events))
    assert events.stored
    assert files(run) == events.stored


@pytest.mark.slow
def test_ctrl_c_frees_the_storage_for_the_next_run(run):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(config_of(run), events_of=lambda _: EventGroup(Disturbed(run, stop)))
    assert lease_of(run).released
    assert train(run) == 0
    assert lease_of(run).released
