"""The two stages: what they train, that a killed one goes on to the bit, and that they learn."""

import dataclasses

import numpy as np
import py_sod_metrics
import pytest
import torch

from models.checkpoint import load_checkpoint, tensor_digest
from models.config import ConfigError, with_settings
from models.crops import CropSettings, draw_batch
from models.data import make_pair
from models.distillation import DistillWeights
from models.mixing import Mix
from models.presets import preset
from models.run import Run, shown, train, validate
from models.sgddiff import SGDDiff
from models.stages import start_on_labels, start_student, take_over
from models.steps import draw, stage_losses, stage_step
from models.storage import FolderStorage
from models.training import TrainingError, TrainSettings
from models.worker import TrainingWorker

TEACHER = with_settings(
    preset("tiny"),
    {"preset": "tiny-teacher", "decoder.dim": 32, "diffusion.steps": 6, "diffusion.trajectories": 2},
)
SETTINGS = TrainSettings(
    steps=4,
    batch=2,
    warmup=2,
    rate=4e-3,
    ema=0.97,
    validate_every=2,
    log_every=1,
    save_every_s=0.0,
    validate_as=(1, 1),
    crops=CropSettings(32),
)
PLAIN_CROPS = CropSettings(64, 1.0, 1.0, *[0.0] * 10)
SUPERVISED = {"bce", "iou", "coarse_bce", "coarse_iou"}
TERMS = ("features", "trajectory", "logits")


def tiny_student(steps=1):
    return with_settings(preset("tiny"), {"diffusion.steps": steps})


def make_teacher():
    torch.manual_seed(11)
    return SGDDiff(TEACHER).eval()


def start(which, settings=SETTINGS, device="cpu"):
    """A stage at step 0. The teacher's blocks drop branches, by PyTorch's global generator."""
    if which == "teacher":
        return start_on_labels(with_settings(TEACHER, {"encoder.drop_path": 0.4}), settings, device=device)
    return start_student(
        make_teacher().to(device), tiny_student(3 if "three" in which else 1), settings, device=device
    )


def take(state, pairs, count, settings=SETTINGS):
    """That many steps; the losses of each."""
    batches = (
        draw_batch(pairs, settings.batch, settings.crops, settings.seed, state.step) for _ in range(count)
    )
    return [stage_step(state, [batch], settings) for batch in batches]


def tensors_of(state):
    """Everything that a run carries on, by name."""
    found = {f"network.{n}": t for n, t in state.network.state_dict().items()}
    found |= {f"average.{n}": t for n, t in state.average.state_dict().items()}
    if hasattr(state.stage, "projection"):
        found |= {f"projection.{n}": t for n, t in state.stage.projection.state_dict().items()}
    for index, moments in state.optimiser.state_dict()["state"].items():
        found |= {f"optimiser.{index}.{n}": t for n, t in moments.items()}
    return found


def run_stage(state, pairs, validation, settings, folder, facts, **more):
    return train(state, make_run(pairs, validation, settings, folder, facts, **more))


def make_run(pairs, validation, settings, folder, facts, **more):
    return Run(Mix((pairs,), (1.0,)), validation, settings, FolderStorage(folder), facts, **more)


# What a step draws.


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


# What a step trains.


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


def test_a_student_of_another_encoder_is_refused():
    with pytest.raises(ConfigError, match="encoder: teacher"):
        start_student(make_teacher(), with_settings(tiny_student(), {"encoder.gdb": False}), SETTINGS)


# What a stage leaves behind.


def test_a_student_is_trained_from_the_teachers_checkpoint_and_stands_alone(squares, tmp_path):
    run_stage(start("teacher"), squares[:2], squares[2:], SETTINGS, tmp_path / "t", {"name": "squares"})
    teacher = load_checkpoint(tmp_path / "t" / "last")
    assert teacher.training["stage"] == "teacher"
    config = with_settings(tiny_student(), {"encoder.drop_path": 0.4})
    state = start_student(teacher.network, config, SETTINGS)
    run_stage(state, squares[:2], squares[2:], SETTINGS, tmp_path / "s", {"name": "squares"})
    student = load_checkpoint(tmp_path / "s" / "last")
    assert student.training["teacher"] == teacher.digest
    assert student.training["step"] == 4
    assert student.network.config == config
    assert load_checkpoint(tmp_path / "s" / "best").data == {"name": "squares"}
    assert [row["step"] for row in state.history["scores"]] == [2, 4]
    assert [row["step"] for row in state.history["losses"]] == [1, 2, 3, 4]
    pixels = torch.from_numpy(squares[0].pixels)[None]
    with torch.inference_mode():
        assert torch.equal(student.network(pixels), state.average.eval()(pixels))


def test_a_run_without_validation_pictures_has_a_last_checkpoint_and_no_best_one(squares, tmp_path):
    run_stage(start("student"), squares, [], SETTINGS, tmp_path, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last", "state.train"]


def test_a_warm_start_takes_what_fits_and_leaves_the_rest(squares):
    torch.manual_seed(5)
    given = SGDDiff(with_settings(preset("tiny"), {"decoder.dim": 32, "denoiser.dims": [24, 24]}))
    own = start("teacher").network
    before = {name: t.clone() for name, t in own.state_dict().items()}
    taken = take_over(own, given)
    after, offered = own.state_dict(), given.state_dict()
    fitting = {n for n in after if offered[n].shape == after[n].shape}
    assert taken == len(fitting) < len(after)
    with pytest.raises(ConfigError, match="none of the tensors"):
        take_over(torch.nn.Linear(3, 3), given)
    assert all(torch.equal(after[n], offered[n] if n in fitting else before[n]) for n in after)
    state = start_on_labels(given.config, SETTINGS, "direct", warm=given)
    assert tensor_digest(state.average.state_dict()) == tensor_digest(given.state_dict())


def test_an_encoder_that_is_kept_stays_as_it_is_while_the_rest_is_trained(squares):
    given = make_teacher()
    state = start_on_labels(TEACHER, SETTINGS, encoder=given)
    take(state, squares, 2)
    assert state.stage.training
    assert not state.network.encoder.training
    moved = {n for n, t in state.network.state_dict().items() if not torch.equal(t, given.state_dict()[n])}
    assert not any(name.startswith(("stem.", "encoder.")) for name in moved)
    assert {"code.embedding", "decoder.classify.weight"} <= moved
    with pytest.raises(ConfigError, match="encoder: teacher"):
        start_on_labels(with_settings(TEACHER, {"encoder.gdb": False}), SETTINGS, encoder=given)


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


def test_validation_may_take_fewer_steps_than_the_network():
    network = make_teacher()
    assert shown(network, None) is network
    view = shown(network, (1, 1))
    assert (view.config.diffusion.steps, view.config.diffusion.trajectories) == (1, 1)
    assert tensor_digest(view.state_dict()) == tensor_digest(network.state_dict())


# It learns.


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 3])
def test_distillation_lowers_every_distillation_loss(steps, squares):
    settings = dataclasses.replace(SETTINGS, steps=40, batch=4, warmup=5)
    teacher = start_on_labels(TEACHER, settings)
    take(teacher, squares, 20, settings)
    only = DistillWeights(bce=0.0, iou=0.0, coarse_bce=0.0, coarse_iou=0.0)
    settings = dataclasses.replace(settings, weights=only)
    state = start_student(teacher.network, tiny_student(steps), settings)
    pixels, mask = draw_batch(squares, 8, settings.crops, 99, 0)
    noise, times = draw(state.stage, pixels, settings, 0)

    @torch.no_grad()
    def on_new_crops():
        losses = state.stage(pixels, mask, noise, times)
        return {name: float(losses[name]) for name in TERMS}

    before = on_new_crops()
    take(state, squares, 40, settings)
    after = on_new_crops()
    assert {name: after[name] < 0.5 * before[name] for name in TERMS} == dict.fromkeys(TERMS, True)


def _shapes(count):
    """Pictures of 64 px: dark noise, and one bright disc or square each."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:64, :64]
    pairs = []
    for index in range(count):
        pixels = rng.integers(0, 70, (3, 64, 64), dtype=np.uint8)
        y, x = np.abs(rows - rng.integers(18, 46)), np.abs(columns - rng.integers(18, 46))
        radius = int(rng.integers(8, 16))
        mask = (np.hypot(y, x) if index % 2 else np.maximum(y, x)) < radius
        pixels[:, mask] += rng.integers(90, 160, (3, 1), dtype=np.uint8)
        pairs.append(make_pair(f"shape{index}", pixels, mask))
    return pairs


def _s_measure(network, pairs):
    measure = py_sod_metrics.Smeasure()
    with torch.inference_mode():
        for pair in pairs:
            saliency = network.eval()(torch.from_numpy(pair.pixels)[None])[0, 0]
            uint8 = (saliency * 255).round().to(torch.uint8).numpy()
            measure.step(uint8, pair.mask.astype(np.uint8) * 255)
    return float(measure.get_results()["sm"])


@pytest.mark.slow
def test_tiny_overfits_eight_pictures_as_teacher_and_as_student_of_one_and_three_steps():
    pairs = _shapes(8)
    settings = dataclasses.replace(SETTINGS, steps=130, batch=8, warmup=10, crops=PLAIN_CROPS)
    teacher = start_on_labels(TEACHER, settings)
    take(teacher, pairs, 130, settings)
    scores = {"teacher": _s_measure(shown(teacher.average, (10, 5)), pairs)}
    for steps in (1, 3):
        student = start_student(teacher.average, tiny_student(steps), settings)
        take(student, pairs, 130, settings)
        scores[f"student {steps}"] = _s_measure(student.average, pairs)
        assert validate(student.average, pairs).max_f >= 0.95
    assert min(scores.values()) >= 0.95, scores
