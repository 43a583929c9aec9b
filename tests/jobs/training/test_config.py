from __future__ import annotations

import pytest
import yaml

from jobs.training.config import load_train_config
from sgddiff_batch.errors import ConfigError
from tests.kit.data_sets import write_set

STAGE = {
    "preset": "tiny",
    "steps": 4,
    "batch": 2,
    "warmup": 2,
    "validate_every": 2,
    "log_every": 1,
    "save_every_s": 0.0,
    "crops": {"crop_px": 32},
}


@pytest.fixture
def config(tmp_path):
    """The path of a config that trains all three stages in a second or two."""
    write_set(tmp_path / "squares", range(8))
    content = {
        "data": {"sets": [{"uri": "squares"}], "validation": 2},
        "storage": "run",
        "stages": ["direct", "teacher", "student"],
        "direct": STAGE,
        "teacher": {**STAGE, "network": {"decoder.dim": 32}, "init": "direct"},
        "student": {**STAGE, "init": "direct"},
    }
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_single_seed_has_no_average(config):
    with pytest.raises(ConfigError, match="average"):
        load_train_config(str(config), ("average=true",))


def test_a_relative_storage_is_refused_under_a_ray_job(config):
    with pytest.raises(ConfigError, match="storage is the relative path 'run'"):
        load_train_config(str(config), under_ray_job=True)


def test_paths_count_from_the_config_and_stages_are_no_paths(config, tmp_path):
    loaded = load_train_config(str(config), ("student.init=given/best",))
    assert loaded.storage == str(tmp_path / "run")
    assert loaded.data.sets[0].uri == str(tmp_path / "squares")
    assert loaded.teacher.init == "direct"
    assert loaded.student.init == str(tmp_path / "given" / "best")
    assert "~" not in loaded.data.cache
