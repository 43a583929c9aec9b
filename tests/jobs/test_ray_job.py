"""The main job and the training as ``ray job submit`` runs them, on a Ray head of its own."""

import re

import pytest

from models.openvino_network import is_installed
from tests.kit import jobs, trainings
from tests.kit.ray_head import run_ray_head, submit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """The address of the dashboard of a head with two CPUs; the head and all below it end with the test."""
    with run_ray_head(tmp_path_factory.mktemp("ray")) as address:
        yield address


def submit_job(head, config, *flags):
    return submit(head, jobs.ROOT, "jobs/infer_archive.py", "--config", str(config), *flags)


def test_a_submitted_job_makes_the_mosaics_of_a_local_run(head, tmp_path, archive, checkpoint, unbroken):
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint, kind="ray")
    ended = submit_job(head, config, "--set", "engine.workers=1")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), jobs.decoded(unbroken))
    assert jobs.object_names(tmp_path / "out") == jobs.object_names(unbroken)
    (report,) = jobs.reports(tmp_path / "out")
    costs = report["run"]["costs"]
    assert costs["storage_writes"] > len(report["scenes"]), "of its workers, too"
    assert 0 < costs["device_busy_s"] <= costs["device_there_s"]


def test_a_submitted_job_on_openvino_makes_the_mosaics_of_a_local_run(head, tmp_path, archive, checkpoint):
    if not is_installed():
        pytest.skip("OpenVINO is not installed")
    asked = ("--set", "model.backend=openvino")
    local = jobs.write_config(tmp_path / "local.yaml", archive, tmp_path / "here", checkpoint)
    assert jobs.run_job(local, *asked) == 0
    config = jobs.write_config(tmp_path / "run.yaml", archive, tmp_path / "out", checkpoint, kind="ray")
    ended = submit_job(head, config, "--set", "engine.workers=1", *asked)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), jobs.decoded(tmp_path / "here"))


def test_a_relative_output_is_refused_under_a_job(head, tmp_path, archive, checkpoint):
    config = jobs.write_config(tmp_path / "run.yaml", archive, "out", checkpoint, kind="ray")
    ended = submit_job(head, config)
    assert ended.returncode != 0
    assert "output.uri is the relative path 'out'" in ended.stdout + ended.stderr


def test_a_submitted_training_says_how_it_goes(head, tmp_path):
    config = trainings.write_config(
        tmp_path / "run.yaml", trainings.write_data(tmp_path / "data"), tmp_path / "out"
    )
    flags = ("--config", str(config), "--set", "engine.kind=ray", "--set", "stages=[teacher]")
    ended = submit(head, jobs.ROOT, "jobs/train_distill.py", *flags)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert re.search(r"step 6/6 loss \d", said)
    assert "validation step 6" in said
    assert (tmp_path / "out" / "seed-0" / "teacher" / "best" / "checkpoint.json").is_file()
