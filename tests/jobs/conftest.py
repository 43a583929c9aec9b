"""One archive, one tiny network and one unbroken run for all tests of the main job."""

import pytest

from tests.kit import jobs


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    return jobs.save_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    return jobs.write_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory, archive, checkpoint):
    """The output folder of a run that nothing happened to."""
    from jobs import infer_archive

    folder = tmp_path_factory.mktemp("unbroken")
    config = jobs.write_config(folder / "run.yaml", archive, folder / "out", checkpoint)
    assert infer_archive.main(["--config", str(config)]) == 0
    return folder / "out"
