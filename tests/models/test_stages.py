"""The two stages: how they are begun, what they keep as it is, and that they learn."""

import dataclasses

import numpy as np
import py_sod_metrics
import pytest
import torch

from models.checkpoint import tensor_digest
from models.config import ConfigError, with_settings
from models.crops import CropSettings, draw_batch
from models.distillation import DistillWeights
from models.presets import preset
from models.run import shown, validate
from models.sgddiff import SGDDiff
from models.stages import label_code, start_on_labels, start_student, take_over
from models.steps import draw

from .stage_examples import (
    SETTINGS,
    TEACHER,
    make_teacher,
    shapes,
    start,
    take,
    tiny_student,
)

PLAIN_CROPS = CropSettings(64, 1.0, 1.0, *[0.0] * 10)
TERMS = ("features", "trajectory", "logits")


def test_a_student_of_another_encoder_is_refused():
    with pytest.raises(ConfigError, match="encoder: teacher"):
        start_student(make_teacher(), with_settings(tiny_student(), {"encoder.gdb": False}), SETTINGS)


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


def _s_measure(network, pairs):
    measure = py_sod_metrics.Smeasure()
    with torch.inference_mode():
        for pair in pairs:
            saliency = network.eval()(torch.from_numpy(pair.pixels)[None])[0, 0]
            uint8 = (saliency * 255).round().to(torch.uint8).numpy()
            measure.step(uint8, pair.mask.astype(np.uint8) * 255)
    return float(measure.get_results()["sm"])


@pytest.mark.slow
def test_tiny_overfits_four_pictures_as_teacher_and_as_student_of_one_and_three_steps():
    pairs = shapes(4)
    settings = dataclasses.replace(SETTINGS, steps=130, batch=4, warmup=10, crops=PLAIN_CROPS)
    teacher = start_on_labels(TEACHER, settings)
    take(teacher, pairs, 130, settings)
    scores = {"teacher": _s_measure(shown(teacher.average, (10, 5)), pairs)}
    for steps in (1, 3):
        student = start_student(teacher.average, tiny_student(steps), settings)
        take(student, pairs, 130, settings)
        scores[f"student {steps}"] = _s_measure(student.average, pairs)
        assert validate(student.average, pairs).max_f >= 0.95
    assert min(scores.values()) >= 0.95, scores


def test_a_cell_of_the_label_code_takes_the_class_of_most_of_its_pixels(tiny):
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8, :5] = 1
    mask[..., 8:, 8:11] = 1
    code = label_code(tiny, mask, 2, 2)
    one_hot = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(code, tiny.code(torch.stack([1 - one_hot, one_hot], 1)))
