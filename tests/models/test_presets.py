"""The sizes that have a name."""

import json

import pytest
import torch

from models.config import ConfigError, NetworkConfig
from models.counting import count_parameters
from models.presets import PRESETS, preset
from models.sgddiff import SGDDiff


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    config = preset(name)
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_shipped_teacher_has_the_students_encoder_and_the_papers_sampler():
    teacher, student = preset("teacher"), preset("student")
    assert (teacher.stem, teacher.encoder, teacher.stride) == (student.stem, student.encoder, student.stride)
    assert (teacher.diffusion.steps, teacher.diffusion.trajectories) == (10, 5)
    assert preset("teacher-paper").encoder == preset("student-paper").encoder
    with pytest.raises(ConfigError, match="unknown preset"):
        preset("techer")


def test_the_presets_are_those_that_checkpoints_and_configs_may_name():
    assert set(PRESETS) == {
        "student",
        "student-fine",
        "student-paper",
        "teacher",
        "teacher-paper",
        "tiny",
    }
    assert all(config.preset == name for name, config in PRESETS.items())


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("student", 3e6, 5e6),
        ("student-fine", 5e6, 6e6),
        ("teacher", 5.5e6, 5.7e6),
        ("tiny", 0, 2e5),
    ],
)
def test_a_preset_has_the_parameters_that_are_said_of_it(name, least, most):
    with torch.device("meta"):
        network = SGDDiff(preset(name))
    assert least < count_parameters(network) < most


def test_the_papers_teacher_is_its_student_with_more_steps_and_walks():
    student, teacher = preset("student-paper").to_dict(), preset("teacher-paper").to_dict()
    assert (student["diffusion"]["steps"], student["diffusion"]["trajectories"]) == (3, 1)
    assert (teacher["diffusion"]["steps"], teacher["diffusion"]["trajectories"]) == (10, 5)
    for values in (student, teacher):
        del values["preset"], values["diffusion"]["steps"], values["diffusion"]["trajectories"]
    assert student == teacher


@pytest.mark.parametrize("name", ["", "Student", "students"])
def test_a_name_that_is_no_preset_is_refused_with_all_that_are(name):
    with pytest.raises(ConfigError, match=f"unknown preset {name!r}; known: {', '.join(sorted(PRESETS))}"):
        preset(name)
