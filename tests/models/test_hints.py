"""What lanes learn from: labels, and what teachers say of the same crops."""

import copy
import math

import numpy as np
import pytest
import torch

from models.abreast import Abreast, Batch, Lane
from models.config import with_settings
from models.crops import CropSettings
from models.device_crops import draw_sheet, make_crops, to_device
from models.distillation import DistillWeights
from models.hints import HintedLoss, LabelLoss, PlainLoss, Teachers, aligned, draw_noise
from models.losses import PLAIN, LossWeights, binary_cross_entropy, soft_iou_loss
from models.presets import preset
from models.sgddiff import SGDDiff
from models.training import TrainSettings

CROPS = CropSettings(crop_px=64)


SETTINGS = TrainSettings(steps=12, batch=2, rate=2e-3, warmup=2, crops=CROPS)


def test_an_sgddiff_learns_from_labels(squares, tiny):
    lane = Lane("tiny", tiny, LabelLoss(tiny, PLAIN, 0.5), SETTINGS)
    losses = []
    abreast = Abreast([lane], to_device(squares, "cpu"), CROPS, 2, 0)
    abreast.run(lambda t, s: losses.append(float(lane.loss_sum)) or 24, 6)
    assert losses[-1] < losses[0]


@pytest.fixture
def guide():
    torch.manual_seed(5)
    return SGDDiff(with_settings(preset("tiny"), {"decoder.dim": 32})).eval()


def test_a_hinted_student_is_trained_with_its_projection_and_its_teacher_is_not(squares, tiny, guide):
    before = copy.deepcopy(guide.state_dict())
    teachers = Teachers([guide], stride=tiny.config.stride)
    loss = HintedLoss(tiny, guide, DistillWeights(), 2.0)
    projection = loss.projection.weight.detach().clone()
    lane = Lane("hinted", tiny, loss, SETTINGS, list(loss.projection.parameters()))
    Abreast([lane], to_device(squares, "cpu"), CROPS, 2, 0, teachers).run(lambda taken, seconds: 12, 4)
    assert not torch.equal(loss.projection.weight, projection)
    assert all(torch.equal(t, before[name]) for name, t in guide.state_dict().items())


def test_hints_are_those_of_the_batch(squares, guide):
    pictures = to_device(squares, "cpu")
    batches = [Batch(*make_crops(pictures, draw_sheet(pictures, 2, CROPS, 0, step))) for step in (0, 1)]
    teachers = Teachers([guide], stride=8)
    first, second = (teachers(batch)["map"] for batch in batches)
    assert first.shape == (2, 1, 64, 64)
    assert not torch.allclose(first, second)


def test_teachers_of_other_structures_are_averaged_as_probabilities(squares, guide):
    class Sure(torch.nn.Module):
        def forward(self, pixels):
            return torch.ones_like(pixels[:, :1])

    pictures = to_device(squares, "cpu")
    batch = Batch(*make_crops(pictures, draw_sheet(pictures, 2, CROPS, 0, 0)))
    torch.manual_seed(0)
    alone = Teachers([guide], 8)(batch)["map"].sigmoid()
    torch.manual_seed(0)
    both = Teachers([guide, Sure()], 8)(batch)["map"].sigmoid()
    torch.testing.assert_close(both, ((alone + 1) / 2).clamp(max=1 - 1e-4), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("stride", "side"), [(8, 8), (16, 4)])
def test_features_and_classes_come_at_the_students_stride(squares, guide, stride, side):
    pictures = to_device(squares, "cpu")
    batch = Batch(*make_crops(pictures, draw_sheet(pictures, 2, CROPS, 0, 0)))
    hints = Teachers([guide], stride)(batch)
    assert hints["features"].shape == (2, 32, side, side)
    torch.testing.assert_close(hints["classes"].exp().sum(1), torch.ones(2, side, side), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("layers", "wanted"), [(1, 0), (2, 1), (4, 3), (6, 3)])
def test_the_fourth_layer_is_aligned_or_the_last(layers, wanted):
    assert aligned(SGDDiff(with_settings(preset("tiny"), {"decoder.layers": layers}))) == wanted


def test_noise_has_the_size_of_the_code(tiny):
    noise = draw_noise(tiny, torch.zeros(2, 3, 64, 96))
    assert noise.shape == (2, 8, 8, 12)
    assert abs(float(noise.mean())) < 6 / math.sqrt(noise.numel())
    assert np.isclose(float(noise.std()), 1, atol=0.1)


class Brightness(torch.nn.Module):
    """Logits that are the pixels' mean."""

    def logits(self, pixels):
        return pixels.mean(1, keepdim=True)


def test_the_plain_loss_is_the_weighted_sum_of_bce_and_soft_iou():
    batch = Batch(torch.randn(2, 3, 8, 8), (torch.rand(2, 1, 8, 8) > 0.5).float())
    logits = batch.pixels.mean(1, keepdim=True)
    wanted = 2 * binary_cross_entropy(logits, batch.mask) + 0.5 * soft_iou_loss(logits, batch.mask)
    torch.testing.assert_close(PlainLoss(Brightness(), LossWeights(bce=2.0, iou=0.5))(batch), wanted)
