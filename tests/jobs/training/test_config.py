from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from jobs.training.config import load_train_config
from models.checkpoint import load_checkpoint, read_facts
from sgddiff_batch.errors import ConfigError
from tests.kit.trainings import write_three_stages

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.fixture
def config(tmp_path):
    return write_three_stages(tmp_path)


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


def test_the_recipes_of_the_student_that_ships_are_what_its_weights_were_trained_by():
    first, second = (load_train_config(str(RECIPES / f"{name}.yaml")) for name in ("ship", "ship-on"))
    shipped = read_facts("bundled")
    settings, earlier = (
        json.loads(json.dumps(dataclasses.asdict(config.direct.settings(config.seeds[0]))))
        for config in (second, first)
    )
    assert settings == shipped["training"]["settings"]
    assert earlier == {**settings, "steps": 1772, "rate": 8e-4}
    assert first.direct.sizes() == second.direct.sizes() == load_checkpoint("bundled").network.config
    assert second.direct.init == f"{first.storage}/seed-1/direct/best"
    assert first.data.validation == len(shipped["data"]["validation"])
