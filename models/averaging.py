"""The mean of several networks' weights: one network that is often better than any of them.

It holds where they began with the same weights and lie in one basin of the loss (Wortsman et al. 2022, "Model
soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time").
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .config import ConfigError
from .sgddiff import SGDDiff


def average_networks(networks: Sequence[SGDDiff]) -> SGDDiff:
    """A new network, on the CPU, whose every tensor is the mean of the networks', computed in float64.

    Tensors that are equal in all of them stay as they are, to the bit; so do tensors that are no floats.

    Raises:
        ConfigError: if there is none, or their sizes, numbers of steps or tensors of integers differ.
    """
    if not networks:
        raise ConfigError("there is nothing to average")
    config = networks[0].config
    if any(network.config != config for network in networks):
        raise ConfigError("networks of different sizes or diffusion settings have no average")
    states = [network.state_dict() for network in networks]
    mean = SGDDiff(config)
    mean.load_state_dict({name: _mean(name, [state[name].cpu() for state in states]) for name in states[0]})
    return mean.eval()


def _mean(name: str, tensors: Sequence[Tensor]) -> Tensor:
    first = tensors[0]
    if all(torch.equal(first, other) for other in tensors):
        return first
    if not first.is_floating_point():
        raise ConfigError(f"{name} differs between the networks, and has no mean")
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(first.dtype)
