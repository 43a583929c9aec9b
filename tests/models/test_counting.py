"""What a network costs: parameters and multiply-adds."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.config import with_settings
from models.counting import count_gmac, count_parameters
from models.presets import preset
from models.sgddiff import SGDDiff


def test_the_student_has_at_most_five_million_parameters_and_three_gmac_at_352():
    with torch.device("meta"):
        network = SGDDiff(preset("student"))
    assert count_parameters(network) <= 5_000_000
    assert count_gmac(preset("student")) <= 3


def test_steps_and_trajectories_that_are_not_run_cost_what_they_would():
    config = with_settings(preset("tiny"), {"diffusion.steps": 3, "diffusion.trajectories": 2})
    network = SGDDiff(config).eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 352, 352, dtype=torch.uint8))
    assert count_gmac(config) == pytest.approx(counter.get_total_flops() / 2e9, rel=1e-9)


def test_counting_leaves_the_random_numbers_of_a_training_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    count_gmac(preset("tiny"))
    assert torch.equal(torch.get_rng_state(), before)


def test_buffers_are_no_parameters():
    assert count_parameters(torch.nn.BatchNorm2d(5)) == 10
    assert count_parameters(torch.nn.Conv2d(3, 4, 3)) == 3 * 4 * 9 + 4


def test_a_larger_network_costs_more():
    assert 0 < count_gmac(preset("tiny")) < count_gmac(preset("student"))
