"""The training with its pictures and its storage in a bucket: here, and on Ray."""

import os
import signal

import pytest

from jobs import cli
from jobs.training.storage import read_checkpoint
from tests.kit import trainings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A data set on local disk, and the storage of an unbroken run over it."""
    folder = tmp_path_factory.mktemp("local")
    data = trainings.write_data(folder / "data")
    config = trainings.write_config(folder / "run.yaml", data, folder / "out")
    assert cli.main(["train", "--config", str(config)]) == 0
    return data, folder / "out"


@pytest.fixture(scope="module")
def bucket(s3_server, local):
    """A bucket with the data set below `data`."""
    files = s3_server.filesystem
    files.mkdir("training")
    files.put(f"{local[0]}/", "training/data/", recursive=True)
    return "s3://training"


@pytest.fixture
def credentials(s3_server, monkeypatch):
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("credentials")
def test_a_run_killed_in_a_bucket_goes_on_to_the_bytes_of_an_unbroken_one_on_disk(
    tmp_path, local, bucket, s3_server
):
    storage = f"{bucket}/here"
    config = trainings.write_config(tmp_path / "run.yaml", f"{bucket}/data", storage)
    with trainings.Training(config, **s3_server.environment) as killed:
        killed.wait_for("step 3/6")
        killed.process.send_signal(signal.SIGKILL)
        assert killed.end() == -signal.SIGKILL
    assert s3_server.filesystem.exists("training/here/seed-0/teacher/state.train")
    code, said = trainings.run(config, **s3_server.environment)
    assert code == 0, said
    assert "resumed at step" in said
    assert trainings.digests(storage) == trainings.digests(local[1])
    assert read_checkpoint(f"{storage}/seed-0/student/best").network.config.preset == "tiny"


@pytest.mark.usefixtures("credentials")
def test_a_worker_of_a_cluster_of_its_own_trains_in_a_bucket_as_one_process_does(
    tmp_path, local, bucket, s3_server
):
    storage = f"{bucket}/ray"
    config = trainings.write_config(tmp_path / "run.yaml", f"{bucket}/data", storage)
    environment = {**s3_server.environment, "RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
    code, said = trainings.run(config, "engine.kind=ray", **environment)
    assert code == 0, said
    assert trainings.digests(storage) == trainings.digests(local[1])
    secret = s3_server.environment["AWS_SECRET_ACCESS_KEY"]
    assert secret not in said
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == secret
