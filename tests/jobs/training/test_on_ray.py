"""The training on Ray Train: the numbers of one process, whatever becomes of its workers."""

import importlib
import json
import os
import re
import signal

import psutil
import pytest

from jobs import cli
from jobs.exits import Exit
from jobs.training.config import EngineSection
from sgddiff_batch.errors import ConfigError
from tests.kit import trainings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Ray makes its context of settings with fields that it has deprecated itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ON_RAY = ("engine.kind=ray", "engine.workers=2")


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of this process with two CPUs, which all runs of this process use."""
    from sgddiff_batch.engine.ray_cluster import connect_ray

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        for name, value in trainings.ENVIRONMENT.items():
            patch.setenv(name, value)
        with connect_ray(num_cpus=2):
            import ray

            yield ray.get_runtime_context().gcs_address


@pytest.fixture(scope="module")
def _ray_is_imported():
    """As `connect_ray` would import it, for the clusters of later tests."""
    from sgddiff_batch.engine.ray_cluster import _PRIVATE

    for name, value in _PRIVATE.items():
        os.environ.setdefault(name, value)
    importlib.import_module("ray.train")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A config without a storage worth the name: each run sets its own."""
    folder = tmp_path_factory.mktemp("training")
    return trainings.write_config(folder / "run.yaml", trainings.write_data(folder / "data"), folder / "none")


def run(config, *settings):
    """Run the command in this process, on the cluster if there is one; its exit code."""
    flags = [word for setting in settings for word in ("--set", setting)]
    return cli.main(["train", "--config", str(config), *flags])


def run_on(cluster, config, *settings, **environment):
    """Run the command with two workers of the cluster; its exit code and what it said."""
    with training_on(cluster, config, *settings, **environment) as training:
        return training.end(), training.said


def training_on(cluster, config, *settings, **environment):
    """Begin the command with two workers of the cluster.

    In a process of its own: where a process has had another cluster before, Ray (2.60) loses the controller
    of Ray Train as soon as it has made it.
    """
    loopback = {"RAY_ADDRESS": cluster, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    return trainings.Training(config, *settings, *ON_RAY, **loopback, **environment)


@pytest.fixture(scope="module")
def alone(config):
    """The storage of a run in this process, to which nothing happened."""
    storage = config.parent / "alone"
    assert run(config, f"storage={storage}") == 0
    return storage


@pytest.fixture(scope="module")
def together(cluster, config):
    """The storage of a run by two workers, to which nothing happened, and the notes of a callback."""
    storage, notes = config.parent / "together", config.parent / "notes"
    callback = 'events.ray_callbacks=["tests.kit.ray_callbacks:Notes"]'
    code, said = run_on(cluster, config, f"storage={storage}", callback, TEST_NOTES=str(notes))
    assert code == 0, said
    return storage, notes


def test_two_workers_give_the_losses_and_scores_of_one_process(alone, together):
    trainings.assert_close(trainings.histories(together[0]), trainings.histories(alone))


def test_ray_callbacks_are_told_the_scores_by_every_worker(together):
    storage, notes = together
    told = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [len(workers) for workers in told] == [2] * 4
    assert all(first == second for first, second in told)
    histories = trainings.histories(storage)
    expected = [{"stage": name, **row} for name in trainings.STAGES for row in histories[f"{name}/scores"]]
    assert [workers[0] for workers in told] == expected


def test_a_run_leaves_nothing_of_ray_trains_in_the_storage_but_a_marker(together):
    files = [path.name for path in (together[0] / "ray").rglob("*") if path.is_file()]
    assert files == [".validate_storage_marker"]


def test_a_killed_worker_and_then_ctrl_c_change_no_number(cluster, config, together):
    storage = config.parent / "hurt"
    with training_on(cluster, config, f"storage={storage}") as training:
        training.wait_for("step 3/6")
        os.kill(first_worker(training), signal.SIGKILL)
        training.wait_for("resumed at step [2-6]")
        training.wait_for("seed 0, student(?s:.*)step 2/6")
        last = psutil.Process(first_worker(training))
        training.process.send_signal(signal.SIGINT)
        assert training.end() == Exit.INTERRUPTED, training.said
    assert "a worker was lost" in training.said
    assert "interrupted; run the same command again" in training.said
    psutil.wait_procs([last], timeout=20)
    assert not last.is_running()
    code, said = run_on(cluster, config, f"storage={storage}")
    assert code == 0, said
    assert trainings.histories(storage) == trainings.histories(together[0])
    assert trainings.digests(storage) == trainings.digests(together[0])


def first_worker(training):
    """The process of the worker that spoke last, which is the one that writes."""
    return int(re.findall(r"RayTrainWorker pid=(\d+)", training.said)[-1])


def test_a_loss_that_is_no_number_ends_the_run_at_once_with_its_own_words(cluster, config, tmp_path):
    code, said = run_on(cluster, config, f"storage={tmp_path}", "teacher.rate=1e30")
    assert code == Exit.FAILED, said
    # Had the workers been started again, it would be Ray Train's error, which counts the failures.
    words = r"^sgddiff train: the loss of step \d is not a number: .*; lower `rate` or `clip`$"
    assert re.search(words, said, re.MULTILINE), said


def test_more_workers_than_there_is_room_for_are_refused(cluster, config, tmp_path, capsys):
    settings = ("engine.kind=ray", "engine.workers=4", f"storage={tmp_path}")
    assert run(config, *settings) == Exit.WRONG
    expected = (
        "engine.workers 4: the cluster has 2 CPUs, 0 GPUs on 1 nodes, which is room for 2 workers of 1 CPU"
    )
    assert expected in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_callback_that_ray_train_cannot_call_is_refused(cluster, config, tmp_path, capsys):
    settings = ("engine.kind=ray", f"storage={tmp_path}", 'events.ray_callbacks=["pathlib:Path"]')
    assert run(config, *settings) == Exit.WRONG
    assert "events.ray_callbacks: cannot use 'pathlib:Path'" in capsys.readouterr().err


@pytest.mark.usefixtures("_ray_is_imported")
@pytest.mark.parametrize(
    ("engine", "nodes", "room"),
    [
        ({"workers": 3, "threads": 2}, [{"CPU": 3.0}, {"CPU": 4.0}], 3),
        ({"workers": 2, "device": "cuda"}, [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], 2),
        ({"workers": 2, "threads": 4}, [{"CPU": 7.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}], 2),
        ({"workers": 9, "device": "cpu"}, [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 1.0}], 9),
    ],
)
def test_workers_take_a_gpu_where_there_are_any_and_the_cpus_of_their_threads(engine, nodes, room):
    from jobs.training.on_ray import scale

    section = EngineSection(kind="ray", **engine)
    scaling = scale(section, nodes, grows=lambda: False)
    assert (scaling.num_workers, scaling.resources_per_worker["CPU"]) == (room, section.threads)
    assert scaling.use_gpu == (section.device != "cpu" and any("GPU" in node for node in nodes))
    with pytest.raises(ConfigError, match=rf"workers {room + 1}: .* room for {room} workers"):
        scale(section.model_copy(update={"workers": room + 1}), nodes, grows=lambda: False)
    assert (
        scale(section.model_copy(update={"workers": room + 1}), nodes, grows=lambda: True).num_workers
        == room + 1
    )


@pytest.mark.parametrize("code", [0, 1, 15])
def test_what_ray_train_makes_of_ctrl_c_is_an_interrupt_again(code):
    from jobs.training.on_ray import _ctrl_c_raises

    def train():
        with _ctrl_c_raises():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise SystemExit(code)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert signal.getsignal(signal.SIGINT) is before
