"""The forward away from the host: on the meta device, which has shapes and no numbers."""

from contextlib import nullcontext

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.config import with_settings
from models.diffusion import periodic_noise
from models.presets import preset
from models.sgddiff import SGDDiff


class MadeOnTheHost(TorchDispatchMode):
    """Notes every operation that leaves a tensor on the CPU."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if any(isinstance(t, torch.Tensor) and t.device.type == "cpu" for t in tree_leaves(out)):
            self.found.append(str(func))
        return out


@pytest.mark.parametrize("name", ["student", "student-fine", "student-paper"])
def test_the_forward_makes_no_tensor_on_the_host_so_that_a_graph_can_hold_it(name, monkeypatch):
    # The meta device has no autocast.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    config = with_settings(preset(name), {"diffusion.trajectories": 2})
    with torch.device("meta"):
        network = SGDDiff(config).eval()
        pixels = torch.zeros(2, 3, 128, 192, dtype=torch.uint8)
        origins = torch.zeros(2, 2, dtype=torch.long)
    with torch.inference_mode(), MadeOnTheHost() as made:
        saliency = network(pixels, origins)
    assert saliency.shape == (2, 1, 128, 192)
    assert made.found == []


def test_a_tensor_from_the_host_would_be_noticed():
    with MadeOnTheHost() as made:
        torch.tensor([1, 2], device="meta") + torch.arange(2, device="meta")
        torch.arange(2)
    assert made.found
    assert all("arange" in name or "lift" in name or "detach" in name for name in made.found)


@pytest.mark.parametrize("trajectory", [0, 1, 4])
def test_further_trajectories_read_the_noise_from_elsewhere(trajectory):
    field = torch.arange(2 * 64 * 64, dtype=torch.float32).view(2, 64, 64)
    noise = periodic_noise(field, torch.tensor([[40, 1016]]), 5, 7, 8, trajectory)
    rows = (torch.arange(5) + 5 + 19 * trajectory) % 64
    columns = (torch.arange(7) + 127 + 29 * trajectory) % 64
    assert torch.equal(noise[0], field[:, rows[:, None], columns])
