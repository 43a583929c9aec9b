import dataclasses

import pytest
import torch

from models.config import ConfigError
from models.crops import CropSettings, draw_batch
from models.distillation import DistillWeights
from models.presets import preset
from models.sgddiff import SGDDiff
from models.stages import start_on_labels
from models.steps import stage_step
from models.training import TrainingError, TrainSettings, build_optimiser, descend, learning_rate

SETTINGS = TrainSettings(
    steps=4,
    batch=2,
    warmup=2,
    rate=2e-3,
    validate_every=2,
    log_every=1,
    save_every_s=0.0,
    crops=CropSettings(64),
)


def _fresh(settings=SETTINGS):
    return start_on_labels(preset("tiny"), settings, "direct")


def test_one_step_changes_every_weight_that_has_a_gradient(squares):
    state = _fresh()
    before = {name: p.detach().clone() for name, p in state.network.named_parameters()}
    losses = stage_step(state, [draw_batch(squares, 2, SETTINGS.crops, 0, 0)], SETTINGS)
    assert set(losses) == {"loss", "bce", "iou", "coarse_bce", "coarse_iou"}
    unmoved = [n for n, p in state.network.named_parameters() if torch.equal(p, before[n])]
    # The embedding moves only where a crop's code is its label's; layers ignore the time at first.
    assert all("embedding" in name or name.startswith("time.") for name in unmoved), unmoved


@pytest.mark.slow
def test_a_stage_on_labels_has_the_edge_weighted_loss_where_the_settings_weigh_it(squares):
    settings = dataclasses.replace(SETTINGS, weights=DistillWeights(edges=0.5))
    losses = stage_step(_fresh(settings), [draw_batch(squares, 2, SETTINGS.crops, 0, 0)], settings)
    plain = losses["bce"] + losses["iou"] + 0.4 * (losses["coarse_bce"] + losses["coarse_iou"])
    assert losses["loss"] == pytest.approx(plain + 0.5 * losses["edges"])


@pytest.mark.slow
def test_training_on_squares_lowers_the_loss(squares):
    settings = dataclasses.replace(SETTINGS, steps=40, batch=4)
    state = _fresh(settings)
    losses = [
        stage_step(state, [draw_batch(squares, 4, settings.crops, 0, step)], settings)["loss"]
        for step in range(40)
    ]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"rate": float("nan")}, "rate must be positive"),
        ({"clip": 0.0}, "clip must be positive"),
        ({"decay": -0.1}, "decay must be at least 0"),
        ({"ema": 1.5}, r"ema must be in 0\.\.1"),
        ({"betas": (0.9, 1.0)}, "betas must be"),
        ({"validate_as": (0, 1)}, "validate_as must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(wrong, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(SETTINGS, **wrong)


def test_differences_name_what_decides_what_is_learnt_and_nothing_else():
    saved = dataclasses.asdict(SETTINGS)
    assert SETTINGS.differences(saved) == []
    other = dataclasses.replace(
        SETTINGS, rate=1.0, log_every=9, validate_as=(3, 1), crops=CropSettings(96, haze=0.5)
    )
    assert other.differences(saved) == [
        "crops.crop_px is 96, was 64",
        "crops.haze is 0.5, was 0.15",
        "rate is 1.0, was 0.002",
    ]


def test_norms_biases_and_scan_parameters_are_not_decayed():
    network = SGDDiff(preset("tiny"))
    undecayed = {
        id(p)
        for g in build_optimiser(network, SETTINGS).param_groups
        if not g["weight_decay"]
        for p in g["params"]
    }
    for name, parameter in network.named_parameters():
        leaf = name.rsplit(".", 1)[-1]
        if leaf in ("bias", "gamma", "beta", "alpha", "A_log", "D", "step_bias"):
            assert id(parameter) in undecayed, name
        if leaf == "weight" and parameter.dim() == 4:
            assert id(parameter) not in undecayed, name


def test_the_rate_warms_up_and_falls_to_zero():
    settings = TrainSettings(steps=100, warmup=10, rate=1.0)
    assert learning_rate(0, settings) == pytest.approx(0.1)
    assert learning_rate(50, settings) == pytest.approx(0.5)
    assert learning_rate(100, settings) == 0.0


def test_a_gradient_that_is_no_number_changes_no_weight(squares):
    state = _fresh()
    before = {name: p.detach().clone() for name, p in state.network.named_parameters()}
    for parameter in state.network.parameters():
        parameter.grad = torch.full_like(parameter, float("inf"))
    with pytest.raises(TrainingError, match="gradient of step 3 is not a number"):
        descend(state.optimiser, 3, SETTINGS)
    assert all(torch.equal(p, before[name]) for name, p in state.network.named_parameters())
