"""The mean of networks: of every tensor, of equal sizes only."""

import pytest
import torch

from models.averaging import average_networks
from models.config import ConfigError, with_settings
from models.presets import preset
from models.sgddiff import SGDDiff


def made(seed, **changes):
    torch.manual_seed(seed)
    return SGDDiff(with_settings(preset("tiny"), changes))


def test_every_tensor_is_the_mean():
    networks = [made(seed) for seed in range(3)]
    mean = average_networks(networks).state_dict()
    for name, tensor in mean.items():
        stacked = torch.stack([network.state_dict()[name].double() for network in networks])
        assert torch.equal(tensor, stacked.mean(0).to(tensor.dtype)), name


def test_the_mean_of_equal_networks_is_that_network_to_the_bit():
    network = made(0)
    mean = average_networks([network] * 3).state_dict()
    assert all(torch.equal(tensor, mean[name]) for name, tensor in network.state_dict().items())


def test_the_networks_stay_as_they_were():
    networks = [made(0), made(1)]
    before = {name: tensor.clone() for name, tensor in networks[0].state_dict().items()}
    average_networks(networks)
    assert all(torch.equal(tensor, before[name]) for name, tensor in networks[0].state_dict().items())


def test_networks_of_other_sizes_or_settings_are_refused():
    for changes in ({"decoder.dim": 32}, {"diffusion.steps": 3}):
        with pytest.raises(ConfigError, match="different sizes"):
            average_networks([made(0), made(0, **changes)])


def test_nothing_has_no_average():
    with pytest.raises(ConfigError, match="nothing"):
        average_networks([])
