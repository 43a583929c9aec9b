"""What a student takes over from its teacher, and from which it may."""

import pytest
import torch

from models.config import ConfigError, with_settings
from models.presets import preset
from models.sgddiff import SGDDiff
from models.teacher import adopt_code, adopt_encoder, check_compatible, freeze

TEACHER = with_settings(
    preset("tiny"),
    {"preset": "tiny-teacher", "decoder.dim": 24, "diffusion.steps": 4, "diffusion.trajectories": 2},
)


def test_an_encoder_of_other_sizes_is_refused_with_every_difference():
    student = SGDDiff(with_settings(preset("tiny"), {"stem.width": 16, "encoder.depths": (2, 1)}))
    with pytest.raises(ConfigError, match=r"(?s)stem: teacher .*encoder: teacher "):
        adopt_encoder(student, SGDDiff(TEACHER))


def _pair(**changes):
    """A student and a teacher, of other numbers."""
    settings = {name.replace("__", "."): value for name, value in changes.items()}
    return SGDDiff(with_settings(preset("tiny"), settings)), SGDDiff(preset("tiny"))


def _equal(one, other):
    return all(torch.equal(t, other.state_dict()[name]) for name, t in one.state_dict().items())


def test_stem_and_encoder_are_copied_to_the_bit_and_frozen_and_the_rest_is_not():
    student, teacher = _pair(decoder__dim=32)
    assert not _equal(student.encoder, teacher.encoder)
    adopt_encoder(student, teacher)
    assert _equal(student.stem, teacher.stem)
    assert _equal(student.encoder, teacher.encoder)
    frozen = {name.split(".")[0] for name, p in student.named_parameters() if not p.requires_grad}
    assert frozen == {"stem", "encoder"}
    assert not student.encoder.training
    assert student.decoder.training


def test_what_is_taken_over_is_a_copy():
    student, teacher = _pair()
    adopt_encoder(student, teacher)
    before = {name: t.clone() for name, t in student.encoder.state_dict().items()}
    with torch.no_grad():
        for parameter in teacher.encoder.parameters():
            parameter.add_(1)
    assert all(torch.equal(t, before[name]) for name, t in student.encoder.state_dict().items())


def test_a_code_of_the_same_width_is_taken_over_and_frozen():
    student, teacher = _pair()
    adopt_code(student, teacher)
    assert torch.equal(student.code.embedding, teacher.code.embedding)
    assert not student.code.embedding.requires_grad


def test_a_code_of_another_width_stays_and_is_trained():
    student, teacher = _pair(diffusion__code_channels=4)
    before = student.code.embedding.detach().clone()
    adopt_code(student, teacher)
    assert torch.equal(student.code.embedding, before)
    assert student.code.embedding.requires_grad


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"stem.width": 16}, {"stem"}),
        ({"encoder.gdb": False, "stride": 4}, {"stride", "encoder"}),
        ({"decoder.dim": 32, "diffusion.steps": 3}, set()),
    ],
)
def test_only_sizes_that_the_encoder_has_must_be_equal_and_those_that_differ_are_named(changes, named):
    teacher, student = preset("tiny"), with_settings(preset("tiny"), {"preset": "mine", **changes})
    if not named:
        check_compatible(teacher, student)
        return
    with pytest.raises(ConfigError, match=r"preset 'mine'.*set the student's") as caught:
        check_compatible(teacher, student)
    _, *lines = str(caught.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == named


def test_a_frozen_part_has_no_gradients_and_is_in_evaluation():
    part = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout()).train()
    freeze(part)
    assert not any(p.requires_grad for p in part.parameters())
    assert not any(module.training for module in part.modules())
