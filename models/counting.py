"""What a network costs: its parameters, and the multiply-adds of a picture."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .config import NetworkConfig, with_settings
from .sgddiff import SGDDiff

COUNTED_PX = 352
"""Side of the picture that multiply-adds are counted at, as in the papers' tables."""


def count_parameters(network: nn.Module) -> int:
    """How many numbers are in the parameters, buffers left out."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_gmac(config: NetworkConfig) -> float:
    """Multiply-adds, in 1e9, of a picture of COUNTED_PX a side with all steps and trajectories of a config.

    Counted are convolutions and matrix products, as PyTorch's FlopCounterMode finds them, on the CPU. What a
    further step and a further trajectory cost is counted once, because many of them take long.
    """
    steps, walks = config.diffusion.steps, config.diffusion.trajectories
    one = _counted(config, 1, 1)
    a_step = _counted(config, 2, 1) - one if steps > 1 else 0.0
    a_walk = _counted(config, 1, 2) - one if walks > 1 else 0.0
    return one + (steps - 1) * walks * a_step + (walks - 1) * a_walk


@torch.inference_mode()
def _counted(config: NetworkConfig, steps: int, trajectories: int) -> float:
    changes = {"diffusion.steps": steps, "diffusion.trajectories": trajectories}
    # The weights do not matter, but drawing them must not move the global generator of a training.
    with torch.random.fork_rng(devices=[]):
        network = SGDDiff(with_settings(config, changes)).eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, COUNTED_PX, COUNTED_PX, dtype=torch.uint8))
    return float(counter.get_total_flops()) / 2e9
