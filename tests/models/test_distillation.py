"""Distillation: what is compared with what, which terms are on, and where gradients go and do not go."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from models.config import ConfigError, with_settings
from models.diffusion import time_pairs
from models.distillation import (
    DistillWeights,
    StudentStage,
    clean_codes,
    estimates,
    feature_loss,
    matched_estimates,
    matched_steps,
    trajectory_loss,
)
from models.layers import Pointwise
from models.presets import preset
from models.sgddiff import SGDDiff

TEACHER = with_settings(
    preset("tiny"),
    {"preset": "tiny-teacher", "decoder.dim": 24, "diffusion.steps": 4, "diffusion.trajectories": 2},
)
TERMS = ("features", "trajectory", "logits")


def make_stage(weights=None, teacher_steps=0, **student):
    torch.manual_seed(3)
    settings = {name.replace("__", "."): value for name, value in student.items()}
    network = SGDDiff(with_settings(preset("tiny"), settings))
    return StudentStage(network, _awake(SGDDiff(TEACHER)), weights or DistillWeights(), 4.0, teacher_steps)


def _awake(network):
    """Layers ignore the time in a fresh network, and its classifier hardly looks: mend both."""
    for layer in network.decoder.layers:
        nn.init.normal_(layer.time.weight, std=0.3)
    nn.init.normal_(network.decoder.classify.weight, std=0.5)
    return network


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(5)
    pixels = torch.rand(2, 3, 32, 32, generator=generator) * 255
    mask = (torch.rand(2, 1, 32, 32, generator=generator) > 0.7).float()
    return pixels, mask, torch.randn(2, 8, 4, 4, generator=generator), torch.ones(2)


# What is compared with what.


@pytest.mark.parametrize("student_steps", [1, 3, 10])
@pytest.mark.parametrize("difference", [0, 1])
def test_matched_estimates_are_handed_on_at_the_same_times(student_steps, difference):
    steps = matched_steps(10, student_steps)
    assert steps == {1: 10, 3: 9, 10: 10}[student_steps]

    def handed_on(count):
        """The time at which the next step takes over; 0 after the last."""
        nows = [now for now, _ in time_pairs(count, difference)]
        return [following for _, following in pairwise([*nows, 0.0])]

    matched = matched_estimates(steps, student_steps)
    assert [handed_on(steps)[k] for k in matched] == pytest.approx(handed_on(student_steps))
    assert matched[-1] == steps - 1


def test_a_one_step_student_is_compared_with_the_teachers_last_estimate_only():
    assert matched_estimates(10, 1) == [9]


@pytest.mark.parametrize(("teacher", "student", "steps"), [(1, 3, 3), (10, 6, 12), (10, 4, 8), (5, 5, 5)])
def test_the_teacher_takes_the_nearest_multiple_of_the_students_steps(teacher, student, steps):
    assert matched_steps(teacher, student) == steps


def test_grids_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="no multiple of 3"):
        matched_estimates(10, 3)
    with pytest.raises(ValueError, match="at least 1"):
        matched_steps(0, 1)


@pytest.mark.parametrize(("steps", "difference"), [(1, 1), (3, 0), (3, 1)])
def test_the_walk_is_the_samplers(steps, difference, batch):
    network = _awake(SGDDiff(with_settings(preset("tiny"), {"diffusion.time_difference": difference}))).eval()
    with torch.no_grad():
        encoded = network.encode(batch[0])
        walk = list(estimates(network, encoded, batch[2], steps))
        sampled = network.sample(encoded, batch[2], steps)
    assert len(walk) == steps
    assert torch.equal(walk[-1].logits, sampled.last.logits)
    for denoised, code in zip(walk, sampled.codes, strict=True):
        assert torch.equal(network.code(denoised.logits.softmax(1)), code)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_student_that_is_its_teacher_loses_nothing(steps, batch):
    config = with_settings(TEACHER, {"diffusion.steps": steps})
    teacher = _awake(SGDDiff(config))
    student = SGDDiff(config)
    student.load_state_dict(teacher.state_dict())
    stage = StudentStage(student, teacher, DistillWeights())
    losses = stage(*batch)
    assert {name: float(losses[name].detach()) for name in TERMS} == pytest.approx(
        dict.fromkeys(TERMS, 0.0), abs=1e-9
    )
    # With other noise of its own it would: the noise is shared.
    stage._noise = lambda network, noise: noise if network is teacher else noise.flip(0)
    with torch.no_grad():
        assert float(stage(*batch)["trajectory"]) > 1e-6


def test_the_teachers_final_estimate_is_the_target_of_one_step(batch):
    stage = make_stage(DistillWeights(features=0, logits=0))
    losses = stage(*batch)
    with torch.no_grad():
        encoded = stage.teacher.encode(batch[0])
        final = list(estimates(stage.teacher, encoded, batch[2], 4))[-1]
        own = next(estimates(stage.network, encoded, batch[2], 1))
        codes = (clean_codes([d.logits], stage.teacher.code) for d in (own, final))
    torch.testing.assert_close(losses["trajectory"].detach(), trajectory_loss(*codes))


@pytest.mark.parametrize("channels", [4, 16])
def test_codes_of_different_widths_share_the_first_channels_of_the_noise(channels, batch):
    stage = make_stage(diffusion__code_channels=channels, diffusion__steps=2)
    assert stage.noise_channels == max(8, channels)
    noise = torch.randn(2, stage.noise_channels, 4, 4)
    losses = stage(batch[0], batch[1], noise, batch[3])
    sum(losses.values()).backward()
    assert all(math.isfinite(float(loss.detach())) for loss in losses.values())
    assert float(stage.network.code.embedding.grad.abs().sum()) > 0
    assert stage.teacher.code.embedding.grad is None


def test_the_losses_of_a_batch_are_the_mean_of_its_pictures(batch):
    stage = make_stage(diffusion__steps=3)
    together = stage(*batch)
    alone = [stage(*(x[i : i + 1] for x in batch)) for i in range(2)]
    for name in TERMS:
        mean = (alone[0][name] + alone[1][name]) / 2
        torch.testing.assert_close(together[name], mean, rtol=1e-4, atol=1e-6)


# Which terms are on.


@pytest.mark.parametrize("off", TERMS)
def test_a_term_of_weight_zero_is_not_computed(off, batch):
    found = set(make_stage(DistillWeights(**{off: 0.0}))(*batch))
    assert found == {"bce", "iou", "coarse_bce", "coarse_iou", *TERMS} - {off}


def test_the_edge_weighted_term_is_asked_for_by_its_weight(batch):
    assert "edges" in make_stage(DistillWeights(edges=1.0))(*batch)


def test_with_all_terms_off_the_teacher_is_not_asked(batch):
    stage = make_stage(DistillWeights(features=0, trajectory=0, logits=0))
    stage.teacher.denoiser.register_forward_hook(lambda *_: pytest.fail("the teacher was asked"))
    assert set(stage(*batch)) == {"bce", "iou", "coarse_bce", "coarse_iou"}


# Where gradients go.


@pytest.mark.parametrize("steps", [1, 3])
def test_the_trajectory_loss_alone_trains_the_student_and_nothing_that_is_frozen(steps, batch):
    weights = DistillWeights(features=0, logits=0)
    stage = make_stage(weights, diffusion__steps=steps)
    stage(*batch)["trajectory"].backward()
    moved = {n for n, p in stage.network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert any(name.startswith("denoiser.") for name in moved)
    assert any(name.startswith("decoder.") for name in moved)
    assert not any(name.startswith(("stem.", "encoder.", "code.")) for name in moved)
    assert all(parameter.grad is None for parameter in stage.teacher.parameters())


def test_soft_feedback_carries_the_last_estimates_loss_to_the_first(batch):
    stage = make_stage(diffusion__steps=3)
    with torch.no_grad():
        encoded = stage.teacher.encode(batch[0])
    _awake(stage.network)
    walk = list(estimates(stage.network, encoded, batch[2], 3))
    last = clean_codes([walk[-1].logits], stage.teacher.code)
    loss = trajectory_loss(last, [torch.ones_like(last[0])])
    gradient = torch.autograd.grad(loss, walk[0].logits)[0]
    assert float(gradient.abs().sum()) > 0


def test_every_loss_together_leaves_teacher_and_encoder_without_gradients(batch):
    stage = make_stage(diffusion__steps=3)
    sum(stage(*batch).values()).backward()
    frozen = [
        *stage.teacher.parameters(),
        *stage.network.stem.parameters(),
        *stage.network.encoder.parameters(),
    ]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in frozen)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.projection.parameters())


# The projection, and what a student takes over.


def test_features_are_projected_only_where_widths_differ():
    stage = make_stage()
    assert isinstance(stage.projection, Pointwise)
    assert stage.projection.weight.shape == (24, 16, 1, 1)
    assert not any("projection" in name for name in stage.network.state_dict())
    assert isinstance(make_stage(decoder__dim=24).projection, nn.Identity)


@torch.no_grad()
def test_the_fourth_layer_is_the_aligned_one(batch):
    stage = make_stage(DistillWeights(trajectory=0, logits=0))
    encoded = stage.teacher.encode(batch[0])
    own = next(estimates(stage.network, encoded, batch[2], 1))
    final = list(estimates(stage.teacher, encoded, batch[2], 4))[-1]
    expected = feature_loss(stage.projection(own.layers[3]), final.layers[3])
    torch.testing.assert_close(stage(*batch)["features"], expected)


def test_the_student_encodes_as_its_teacher_does_to_the_bit(batch):
    stage = make_stage()
    with torch.no_grad():
        own, taught = (n.encode(batch[0]) for n in (stage.network, stage.teacher))
    for a, b in zip(own.features, taught.features, strict=True):
        assert torch.equal(a, b)
    for stride, x in own.stem.items():
        assert torch.equal(x, taught.stem[stride])


@pytest.mark.parametrize("off", ["", *TERMS])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("channels", [8, 4])
def test_every_trained_parameter_gets_a_gradient_as_several_workers_need(steps, channels, off, batch):
    weights = DistillWeights(**({off: 0.0} if off else {}))
    stage = make_stage(weights, diffusion__steps=steps, diffusion__code_channels=channels)
    sum(stage(*batch).values()).backward()
    trained = {name: p for name, p in stage.named_parameters() if p.requires_grad}
    assert [name for name, p in trained.items() if p.grad is None] == []


def test_a_code_of_the_same_width_is_the_teachers_and_another_width_is_the_students_own():
    shared, own = make_stage(), make_stage(diffusion__code_channels=4, diffusion__steps=2)
    assert torch.equal(shared.network.code.embedding, shared.teacher.code.embedding)
    assert not shared.network.code.embedding.requires_grad
    assert own.network.code.embedding.requires_grad


def test_frozen_parts_stay_in_evaluation_mode():
    stage = make_stage().train()
    assert stage.network.decoder.training
    assert not any(p.training for p in (stage.teacher, stage.network.encoder, stage.network.stem))


def test_a_decoder_without_a_fourth_layer_and_a_cold_temperature_are_refused():
    with pytest.raises(ConfigError, match=r"layer 4.*decoder\.layers 3"):
        make_stage(decoder__layers=3)
    with pytest.raises(ConfigError, match="temperature must be positive, found 0"):
        StudentStage(SGDDiff(preset("tiny")), SGDDiff(TEACHER), DistillWeights(), 0.0)
