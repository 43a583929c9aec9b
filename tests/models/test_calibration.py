"""The last logits by pictures held out: what is chosen, that nothing else moves, and no small object pays."""

import dataclasses

import numpy as np
import pytest
import torch

from models.calibration import (
    MOST_LOST,
    Calibration,
    Scored,
    calibrate,
    choose,
    codes_of,
    score,
    set_logits,
)
from models.presets import preset
from models.sgddiff import SGDDiff
from tests.kit.training_plans import make_pairs

AS_IT_IS = Calibration()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SGDDiff(preset("tiny")).eval()


def haze(shape=(64, 64)):
    """Logits with an object that is sure, a haze about it, and the object's mask."""
    logits, mask = np.random.default_rng(0).uniform(-5, -2, shape).astype(np.float32), np.zeros(shape, bool)
    mask[20:40, 20:40] = True
    logits[mask] = 3.0
    return logits, mask


@torch.inference_mode()
def logits_of(network, pixels):
    return torch.logit(network(pixels).double())


@pytest.mark.parametrize("name", ["tiny", "student", "student-fine"])
def test_the_logits_of_a_network_become_scale_times_they_were_and_shift_more(name):
    torch.manual_seed(0)
    network = SGDDiff(preset(name)).eval()
    pixels = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    before = logits_of(network, pixels)
    set_logits(network, Calibration(1.5, -0.5))
    torch.testing.assert_close(logits_of(network, pixels), 1.5 * before - 0.5, rtol=1e-3, atol=1e-3)


def test_only_the_last_layer_changes_and_as_it_is_not_even_that(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    set_logits(network, AS_IT_IS)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())
    set_logits(network, Calibration(2.0, -1.0))
    changed = {name for name, tensor in before.items() if not torch.equal(network.state_dict()[name], tensor)}
    assert changed == {"refine_head.logit.weight", "refine_head.logit.bias"}


def test_the_order_of_pixels_stays_and_with_it_all_that_is_measured_by_the_best_threshold():
    logits = np.linspace(-6, 6, 50, dtype=np.float32).reshape(5, 10)
    codes = codes_of(logits, Calibration(1.5, -0.5)).ravel().astype(int)
    assert (np.diff(codes) >= 0).all()
    assert (codes_of(logits, AS_IT_IS) == np.round(255 / (1 + np.exp(-logits)))).all()


def test_a_map_without_haze_scores_higher():
    logits, mask = haze()
    plain, sharp = (score(each, [logits], [mask]) for each in (AS_IT_IS, Calibration(2.0)))
    assert sharp.s > plain.s
    assert sharp.found == plain.found == 1.0


def test_no_map_gains_by_leaving_small_objects_out():
    scored = [
        Scored(AS_IT_IS, 0.8, 0.9),
        Scored(Calibration(1.0, -1.0), 0.9, 0.9 - 2 * MOST_LOST),
        Scored(Calibration(1.5), 0.85, 0.9 - MOST_LOST / 2),
        Scored(Calibration(2.0), 0.85, 0.9),
    ]
    assert choose(scored).calibration == Calibration(1.5)
    assert choose(scored[:2]).calibration == AS_IT_IS


def test_what_is_chosen_is_what_the_network_has_then_and_it_scores_no_lower(network):
    pairs = make_pairs(3, 20)
    before = score(AS_IT_IS, *seen(network, pairs))
    chosen = calibrate(network, pairs)
    after = score(AS_IT_IS, *seen(network, pairs))
    assert after.s >= before.s - 1e-3
    torch.manual_seed(0)
    again = SGDDiff(preset("tiny")).eval()
    set_logits(again, chosen)
    assert torch.equal(again.refine_head.logit.weight, network.refine_head.logit.weight)


def seen(network, pairs):
    logits = [logits_of(network, torch.from_numpy(pair.pixels)[None])[0, 0].float().numpy() for pair in pairs]
    return logits, [pair.mask for pair in pairs]


def test_pictures_without_objects_say_nothing_and_none_at_all_is_refused(network):
    empty = [dataclasses.replace(pair, mask=np.zeros_like(pair.mask)) for pair in make_pairs(2, 20)]
    with pytest.raises(ValueError, match="no picture with objects"):
        calibrate(network, empty)
