"""One small training, and copies of what it left."""

import shutil

import pytest
import yaml

from tests.kit.data_sets import write_set
from tests.kit.trainings import train_here


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A tiny student trained on eight pictures with two seeds; the folder of config, data and run."""
    folder = tmp_path_factory.mktemp("trained")
    write_set(folder / "squares", range(8))
    stage = {"preset": "tiny", "steps": 2, "batch": 2, "warmup": 1, "validate_every": 2, "log_every": 1}
    content = {
        "data": {"sets": [{"uri": "squares"}], "validation": 2},
        "storage": "run",
        "stages": ["direct"],
        "seeds": [0],
        "direct": {**stage, "crops": {"crop_px": 32}},
    }
    (folder / "train.yaml").write_text(yaml.safe_dump(content))
    assert train_here(folder / "train.yaml") == 0
    assert "One run, seed 0" in (folder / "run/seed-0/direct/best/README.md").read_text()
    assert train_here(folder / "train.yaml", "seeds=[0,1]") == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy to change."""
    return shutil.copytree(trained, tmp_path / "copy")
