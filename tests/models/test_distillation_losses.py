"""The distillation losses against computations by hand, and their weights."""

import math

import numpy as np
import pytest
import torch

from models.config import ConfigError
from models.diffusion import MaskCode
from models.distillation import (
    DistillWeights,
    clean_codes,
    feature_loss,
    logit_loss,
    trajectory_loss,
    two_classes,
)


def test_the_feature_loss_is_the_squared_distance_over_the_teachers_square():
    student, teacher = torch.zeros(2, 1, 1, 2), torch.tensor([[[[3.0, 4.0]]], [[[0.0, 2.0]]]])
    student[1] = torch.tensor([1.0, 2.0])
    # (9 + 16) / (9 + 16) = 1 for the first picture, (1 + 0) / (0 + 4) for the second.
    assert float(feature_loss(student, teacher)) == pytest.approx((1 + 0.25) / 2, rel=1e-5)


def test_the_feature_loss_does_not_depend_on_the_scale_of_the_features():
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(feature_loss(student * 50, teacher * 50), feature_loss(student, teacher))


def test_features_that_are_all_zero_give_a_number():
    assert float(feature_loss(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3))) == 0.0


def test_the_trajectory_loss_is_the_mean_square_over_all_times():
    student = [torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.0])]
    teacher = [torch.tensor([1.0, 4.0]), torch.tensor([3.0, 1.0])]
    assert float(trajectory_loss(student, teacher)) == pytest.approx(((0 + 4) / 2 + (9 + 1) / 2) / 2)


def test_walks_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        trajectory_loss([torch.zeros(1)], [torch.zeros(1)] * 2)


def test_the_logit_loss_is_kl_at_the_temperature_times_its_square():
    student, teacher = np.array([[1.0, -2.0], [0.5, 0.0]]), np.array([[3.0, 2.0], [-1.0, 4.0]])

    def softened(logits):
        exponentials = np.exp(logits / 4)
        return exponentials / exponentials.sum(1, keepdims=True)

    wanted, found = softened(teacher), softened(student)
    expected = 16 * (wanted * np.log(wanted / found)).sum(1).mean()
    tensors = (torch.from_numpy(x).float().view(2, 2, 1, 1) for x in (student, teacher))
    assert float(logit_loss(*tensors, 4.0)) == pytest.approx(expected, rel=1e-5)


def test_the_logit_loss_of_confident_logits_is_finite_and_of_equal_ones_zero():
    sure = torch.tensor([2000.0, -2000.0]).view(1, 2, 1, 1)
    assert math.isfinite(float(logit_loss(sure, -sure, 4.0)))
    assert float(logit_loss(sure, sure, 4.0)) == 0.0


def test_one_logit_and_its_two_classes_are_the_same_probability():
    logit = torch.randn(2, 1, 3, 3)
    torch.testing.assert_close(two_classes(logit).softmax(1)[:, 1:], logit.sigmoid())


def test_a_clean_code_is_what_the_distribution_means_in_units_of_the_bit_scale():
    code, logits = MaskCode(3, 0.3), torch.tensor([2.0, -1.0]).view(1, 2, 1, 1)
    p = torch.tensor([2.0, -1.0]).softmax(0)
    expected = 2 * torch.sigmoid(p @ code.embedding) - 1
    torch.testing.assert_close(clean_codes([logits], code)[0].flatten(), expected)
    code.bit_scale = 0.01
    torch.testing.assert_close(clean_codes([logits], code)[0].flatten(), expected)


def test_the_weights_are_the_authors_unless_said_otherwise():
    weights = DistillWeights()
    assert (weights.features, weights.trajectory, weights.logits) == (1.0, 0.5, 0.5)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_weights_that_are_no_weights_are_refused(value):
    with pytest.raises(ConfigError, match=r"weights\.logits must be finite"):
        DistillWeights(logits=value)
