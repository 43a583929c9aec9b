"""What every worker of a training opens: its place, its pictures, and who hears of it."""

from __future__ import annotations

import pytest
import torch

from jobs.training.config import EngineSection
from jobs.training.events import EventGroup
from jobs.training.pictures import TrainingData
from jobs.training.plan import Listeners
from jobs.training.session import WRONG, load_data, open_events, teach, worker_of
from models.checkpoint import CheckpointError
from models.data import DataError
from models.training import TrainingError
from models.worker import TrainingWorker
from sgddiff_batch.errors import ConfigError, RetryableError
from tests.kit.data_sets import write_set
from tests.kit.training_plans import HeardEvents, OpenFence, config_of, make_pairs

CUDA = torch.device("cuda")


@pytest.mark.parametrize(
    ("precision", "device", "found"),
    [
        ("auto", torch.device("cpu"), "fp32"),
        ("auto", CUDA, "bf16"),
        ("fp32", CUDA, "fp32"),
        ("bf16", torch.device("cpu"), "bf16"),
    ],
)
def test_a_place_computes_in_the_precision_of_its_device_unless_one_is_named(precision, device, found):
    engine = EngineSection(kind="ray", workers=3, precision=precision, accumulate=2)
    worker = worker_of(engine, 2, device)
    assert worker == TrainingWorker(2, 3, device, found, 2)


def test_a_place_on_this_machine_is_the_cpu_where_that_is_named():
    assert worker_of(EngineSection(device="cpu"), 0).device == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"engine\.device: cuda was asked for, but PyTorch finds no GPU"):
        worker_of(EngineSection(device="cuda"), 0)
    assert worker_of(EngineSection(), 0).device.type == "cpu"


def test_pictures_are_those_of_the_config_with_some_held_out(tmp_path):
    write_set(tmp_path / "squares", range(8))
    sets = [{"uri": str(tmp_path / "squares"), "weight": 2.0}]
    data = {"sets": sets, "validation": 2, "cache": str(tmp_path / "cache")}
    found = load_data(config_of(tmp_path / "run", data=data))
    assert ([len(pairs) for pairs in found.sets], found.weights) == ([6], (2.0,))
    assert len(found.validation) == 2


def test_mistakes_in_the_pictures_come_as_one_error(tmp_path):
    write_set(tmp_path / "squares", range(8))
    (tmp_path / "squares/train-labels/0001.png").unlink()
    (tmp_path / "squares/train-images/0002.png").write_bytes(b"no picture")
    data = {"sets": [{"uri": str(tmp_path / "squares")}], "cache": str(tmp_path / "cache")}
    with pytest.raises(DataError, match=r"0001\.png(?s:.)*0002\.png"):
        load_data(config_of(tmp_path / "run", data=data))


def test_who_is_named_hears_of_it(tmp_path):
    assert isinstance(open_events(config_of(tmp_path)), EventGroup)
    named = {"classes": ["tests.kit.training_plans:HeardEvents"], "tensorboard": str(tmp_path / "board")}
    events = open_events(config_of(tmp_path, events=named))
    events.scores("direct", 1, {"s": 0.5})
    events.close()
    assert [path.name for path in (tmp_path / "board").iterdir()] == ["direct"]
    with pytest.raises(ConfigError, match="nothing"):
        open_events(config_of(tmp_path, events={"classes": ["nothing:Here"]}))


def data_of(validation=()):
    return TrainingData((make_pairs(4),), (1.0,), validation, {"training": 4, "validation": [], "sets": []})


def test_a_worker_trains_all_stages_and_closes_its_events(tmp_path):
    events, fence = HeardEvents(), OpenFence()
    teach(config_of(tmp_path), data_of(), TrainingWorker(), Listeners(events), fence)
    assert (tmp_path / "seed-0/direct/last/checkpoint.json").is_file()
    assert events.closed == 1
    assert ("losses", "direct", 1) in events.heard
    assert fence.asked > 0


def test_events_are_closed_also_where_a_training_fails(tmp_path):
    events, config = HeardEvents(), config_of(tmp_path, stages=["student"])
    with pytest.raises(CheckpointError):
        teach(config, data_of(), TrainingWorker(), Listeners(events), OpenFence())
    assert events.closed == 1


def test_what_may_pass_is_not_called_wrong():
    wrong = (ConfigError("x"), DataError(["x"]), CheckpointError("x"), FileNotFoundError("x"))
    assert all(isinstance(error, WRONG) for error in wrong)
    assert not isinstance(RetryableError("the store is slow"), WRONG)
    assert not isinstance(TrainingError("the loss is nan"), WRONG)
