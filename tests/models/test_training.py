import dataclasses

import pytest
import torch

from models.checkpoint import load_checkpoint
from models.config import preset
from models.crops import CropSettings, draw_batch
from models.run import load_state, train, validate
from models.sgddiff import SGDDiff
from models.training import TrainSettings, build_optimiser, label_code, learning_rate, start_state, train_step

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
    torch.manual_seed(1)
    return start_state(SGDDiff(preset("tiny")), settings)


def test_one_step_changes_every_weight_that_has_a_gradient(squares):
    state = _fresh()
    before = {name: p.detach().clone() for name, p in state.network.named_parameters()}
    losses = train_step(state, *draw_batch(squares, 2, SETTINGS.crops, 0, 0), SETTINGS)
    assert set(losses) == {"loss", "bce", "iou", "coarse_bce", "coarse_iou"}
    unmoved = [n for n, p in state.network.named_parameters() if torch.equal(p, before[n])]
    # The embedding moves only where a crop's code is its label's; layers ignore the time at first.
    assert all("embedding" in name or name.startswith("time.") for name in unmoved), unmoved


def test_training_on_squares_lowers_the_loss(squares):
    settings = dataclasses.replace(SETTINGS, steps=40, batch=4)
    state = _fresh(settings)
    losses = [
        train_step(state, *draw_batch(squares, 4, settings.crops, 0, step), settings)["loss"]
        for step in range(40)
    ]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_a_resumed_run_gives_the_weights_of_an_unbroken_one(squares, tmp_path):
    unbroken = train(_fresh(), squares[:2], squares[2:], SETTINGS, tmp_path / "whole", {})
    (tmp_path / "broken").mkdir()
    half = dataclasses.replace(SETTINGS, steps=4)
    state = _fresh(half)
    for step in range(2):
        train_step(state, *draw_batch(squares[:2], 2, half.crops, half.seed, step), half)
    from models.run import save_state

    save_state(tmp_path / "broken", state)
    resumed = _fresh()
    assert load_state(tmp_path / "broken", resumed)
    assert resumed.step == 2
    resumed = train(resumed, squares[:2], squares[2:], SETTINGS, tmp_path / "broken", {})
    for (name, a), b in zip(
        unbroken.average.state_dict().items(), resumed.average.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name


def test_a_run_leaves_checkpoints_and_validation_lines(squares, tmp_path):
    train(_fresh(), squares[:2], squares[2:], SETTINGS, tmp_path, {"name": "squares"})
    last = load_checkpoint(tmp_path / "last")
    assert last.data == {"name": "squares"}
    assert last.training["step"] == 4
    assert load_checkpoint(tmp_path / "best").training["validation"]["pictures"] == 1
    assert len((tmp_path / "validation.jsonl").read_text().splitlines()) == 2


def test_there_is_nothing_to_resume_in_an_empty_folder(tmp_path):
    assert not load_state(tmp_path, _fresh())


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


def test_a_cell_of_the_label_code_takes_the_class_of_most_of_its_pixels(tiny):
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8, :5] = 1
    mask[..., 8:, 8:11] = 1
    code = label_code(tiny, mask, 2, 2)
    one_hot = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(code, tiny.code(torch.stack([1 - one_hot, one_hot], 1)))


def test_validation_scores_whole_pictures(tiny, squares):
    assert validate(tiny, squares).pictures == 3
