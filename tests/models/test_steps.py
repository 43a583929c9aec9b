"""A step of a stage: what it draws, its losses, and what it trains."""

import dataclasses

import pytest
import torch

from models.checkpoint import tensor_digest
from models.crops import draw_batch
from models.steps import draw, spread, stage_losses, stage_step
from models.training import TrainingError
from models.worker import TrainingWorker

from .stage_examples import (
    SETTINGS,
    start,
    take,
    tensors_of,
)

SUPERVISED = {"bce", "iou", "coarse_bce", "coarse_iou"}


TERMS = ("features", "trajectory", "logits")


def test_the_teachers_times_are_uniform_below_one_and_pure_noise_only_where_asked():
    state = start("teacher")
    pixels = torch.zeros(400, 3, 16, 16)
    _, times = draw(state.stage, pixels, SETTINGS, 0)
    assert 0 <= float(times.min()) < 0.02
    assert 0.97 < float(times.max()) <= 0.999
    assert float(times.mean()) == pytest.approx(0.5, abs=0.05)
    _, ones = draw(state.stage, pixels, dataclasses.replace(SETTINGS, label_codes=0.0), 0)
    assert torch.equal(ones, torch.ones(400))


def test_noise_is_a_function_of_seed_step_and_place_in_the_batch():
    state = start("student")
    pixels = torch.zeros(4, 3, 32, 32)
    noise, times = draw(state.stage, pixels, SETTINGS, 7)
    for first in (0, 2):
        part = draw(state.stage, pixels[:2], SETTINGS, 7, first)
        assert torch.equal(part[0], noise[first : first + 2])
        assert torch.equal(part[1], times[first : first + 2])
    others = [draw(state.stage, pixels, SETTINGS, 8)[0]]
    others.append(draw(state.stage, pixels, dataclasses.replace(SETTINGS, seed=1), 7)[0])
    assert not any(torch.equal(other, noise) for other in others)
    assert noise.shape == (4, 8, 4, 4)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("which", ["teacher", "student of three steps"])
def test_two_workers_losses_average_to_those_of_one(which, squares):
    state = start(which)
    state.stage.eval()
    pixels, mask = draw_batch(squares, 4, SETTINGS.crops, 0, 0)
    with torch.no_grad():
        whole = stage_losses(state.stage, state, pixels, mask, SETTINGS)
        halves = [
            stage_losses(state.stage, state, pixels[k : k + 2], mask[k : k + 2], SETTINGS, first=k)
            for k in (0, 2)
        ]
    for name, value in whole.items():
        torch.testing.assert_close((halves[0][name] + halves[1][name]) / 2, value, rtol=1e-4, atol=1e-6)


def test_a_teachers_step_returns_its_losses_by_name_and_moves_the_code_too(squares):
    state = start("teacher")
    before = {n: p.detach().clone() for n, p in state.network.named_parameters()}
    (losses,) = take(state, squares, 1)
    assert set(losses) == {"loss", *SUPERVISED}
    assert losses["loss"] == pytest.approx(
        losses["bce"] + losses["iou"] + 0.4 * (losses["coarse_bce"] + losses["coarse_iou"]), rel=1e-5
    )
    assert not torch.equal(state.network.code.embedding, before["code.embedding"])


def test_a_students_step_moves_student_and_projection_and_nothing_frozen(squares):
    state = start("student of three steps")
    teacher = tensor_digest(state.stage.teacher.state_dict())
    before = {n: t.clone() for n, t in tensors_of(state).items()}
    losses = take(state, squares, 2)[-1]
    assert set(losses) == {"loss", *SUPERVISED, *TERMS}
    after = tensors_of(state)
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    frozen = ("network.stem.", "network.encoder.", "network.code.", "average.stem.", "average.encoder.")
    assert not any(name.startswith(frozen) for name in moved)
    assert {n for n in before if n.startswith("projection.")} <= moved
    assert any(name.startswith("average.decoder.") for name in moved)
    assert tensor_digest(state.stage.teacher.state_dict()) == teacher == state.teacher


def test_a_loss_that_is_no_number_stops_before_anything_changes(squares):
    state = start("student")
    take(state, squares, 1)
    before = {n: t.clone() for n, t in tensors_of(state).items()}
    pixels, mask = draw_batch(squares, 2, SETTINGS.crops, 0, 1)
    with pytest.raises(TrainingError, match=r"step 1 is not a number.*lower `rate`"):
        stage_step(state, [(pixels * float("nan"), mask)], SETTINGS)
    assert state.step == 1
    assert all(torch.equal(t, before[n]) for n, t in tensors_of(state).items())


@pytest.mark.parametrize("which", ["teacher", "student of three steps"])
def test_parts_of_a_batch_add_up_to_the_whole_dropped_branches_included(which, squares):
    whole, parted = start(which), start(which)
    settings = dataclasses.replace(SETTINGS, batch=4)
    pixels, mask = draw_batch(squares, 4, settings.crops, 0, 0)
    one = stage_step(whole, [(pixels, mask)], settings)
    two = stage_step(
        parted, [(pixels[:2], mask[:2]), (pixels[2:], mask[2:])], settings, TrainingWorker(accumulate=2)
    )
    assert two == pytest.approx(one, rel=1e-4)
    for (name, a), b in zip(
        whole.network.state_dict().items(), parted.network.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-4, msg=name)


@pytest.mark.parametrize("which", ["teacher", "student of three steps"])
def test_a_step_in_bfloat16_is_near_one_in_float32(which, squares):
    batch = draw_batch(squares, 2, SETTINGS.crops, 0, 0)
    exact = stage_step(start(which), [batch], SETTINGS)
    rough = stage_step(start(which), [batch], SETTINGS, TrainingWorker(precision="bf16"))
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.05, abs=0.01)


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "rel"), [("fp32", 1e-3), ("bf16", 0.05)])
@pytest.mark.parametrize("which", ["teacher", "student", "student of three steps"])
def test_a_step_on_a_gpu_is_near_one_on_the_cpu(which, precision, rel, squares):
    cuda = torch.device("cuda")
    pixels, mask = draw_batch(squares, 2, SETTINGS.crops, 0, 0)
    here, there = start(which), start(which, device=cuda)
    exact = stage_step(here, [(pixels, mask)], SETTINGS)
    worker = TrainingWorker(device=cuda, precision=precision)
    found = stage_step(there, [(pixels.to(cuda), mask.to(cuda))], SETTINGS, worker)
    assert found == pytest.approx(exact, rel=rel, abs=0.01 if precision == "bf16" else 1e-4)
    assert all(parameter.isfinite().all() for parameter in there.network.parameters())


def test_dropped_branches_leave_the_global_random_numbers_alone(squares):
    state = start("teacher")
    state.stage.train()
    before = torch.get_rng_state()
    first, again = (
        stage_losses(state.stage, state, *draw_batch(squares, 2, SETTINGS.crops, 0, 0), SETTINGS)
        for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert first.keys() == again.keys()
    assert all(torch.equal(loss, again[name]) for name, loss in first.items())


def test_one_worker_runs_the_stage_as_it_is():
    state = start("student")
    assert spread(state, TrainingWorker()) is state.stage


def test_a_batch_must_come_in_as_many_parts_as_the_place_takes(squares):
    state, batch = start("student"), draw_batch(squares, 2, SETTINGS.crops, 0, 0)
    with pytest.raises(ValueError, match="zip"):
        stage_step(state, [batch], SETTINGS, TrainingWorker(accumulate=2))
    assert state.step == 0
