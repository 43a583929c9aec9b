"""The whole network: any size, alone and in a batch, its sampler, and the forward on a device of its own."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.checkpoint import load_checkpoint
from models.config import with_settings
from models.counting import count_parameters
from models.predictor import prepare_network
from models.presets import preset
from models.sgddiff import SGDDiff, pad_to_multiple, to_channels_last

SHIPPED = ("bundled", "bundled-lite0")


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


class Held(torch.nn.Module):
    """A network inside another module: an exported one has a `code` of its own, which ours would hide."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pixels, origins):
        return self.network(pixels, origins)


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


@pytest.mark.parametrize("name", ["tiny", *(pytest.param(n, marks=pytest.mark.slow) for n in SHIPPED)])
def test_a_network_is_exported_whole_so_it_has_no_branch_on_data(name):
    network = load_checkpoint(name).network if name in SHIPPED else SGDDiff(preset(name))
    network = prepare_network(network, torch.device("cpu"))
    blank = torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.zeros(1, 2, dtype=torch.long)
    with torch.no_grad():
        exported = torch.export.export(Held(network), blank, strict=True)
    assert [node for node in exported.graph.nodes if "scalar" in str(node.target)] == []
    given = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8), torch.tensor([[512, 800]])
    with torch.inference_mode():
        torch.testing.assert_close(exported.module()(*given), network(*given), rtol=0, atol=2e-5)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_picture_gets_the_same_answer_alone_and_in_a_batch(tiny: SGDDiff, steps):
    pixels = torch.randint(0, 256, (3, 3, 64, 48), dtype=torch.uint8)
    origins = torch.tensor([[0, 0], [512, 64], [8, 1024]])
    with torch.inference_mode():
        together = tiny(pixels, origins, steps)
        alone = torch.cat([tiny(pixels[i : i + 1], origins[i : i + 1], steps) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_soft_feedback_carries_gradients_through_every_step(tiny: SGDDiff):
    encoded = tiny.encode(torch.randint(0, 256, (1, 3, 32, 32)))
    sampled = tiny.sample(encoded, torch.randn(1, 8, 4, 4), steps=3)
    assert len(sampled.codes) == 3
    first = torch.autograd.grad(sampled.codes[-1].sum(), sampled.codes[0], retain_graph=True)[0]
    assert first.abs().sum() > 0


def test_trajectories_are_averaged_as_probabilities(tiny: SGDDiff):
    import dataclasses

    config = tiny.config
    two = SGDDiff(
        dataclasses.replace(config, diffusion=dataclasses.replace(config.diffusion, trajectories=2))
    )
    two.load_state_dict(tiny.state_dict())
    pixels, origins = torch.randint(0, 256, (1, 3, 32, 32)), torch.zeros(1, 2, dtype=torch.long)
    with torch.inference_mode():
        encoded = two.eval().encode(pixels)
        maps = [two._trajectory(encoded, origins, 1, k) for k in range(2)]
        torch.testing.assert_close(two(pixels), (maps[0] + maps[1]) / 2)
    assert not torch.allclose(maps[0], maps[1])


def test_any_size_is_padded_and_cut_back(tiny: SGDDiff):
    with torch.inference_mode():
        out = tiny(torch.randint(0, 256, (1, 3, 37, 61)))
    assert out.shape == (1, 1, 37, 61)
    assert 0 <= float(out.min()) <= float(out.max()) <= 1


def test_the_encoder_refuses_sizes_that_its_strides_do_not_divide(tiny: SGDDiff):
    with pytest.raises(ValueError, match="multiples of 16"):
        tiny.encode(torch.zeros(1, 3, 40, 40))


def test_the_fine_student_takes_any_size_and_is_the_same_alone_and_in_a_batch():
    network = SGDDiff(preset("student-fine")).eval()
    assert count_parameters(network) <= 6_000_000
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 70, 100), dtype=np.uint8))
    with torch.inference_mode():
        both = network(pixels)
        alone = network(pixels[:1])
    assert both.shape == (2, 1, 70, 100)
    torch.testing.assert_close(both[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 31), (17, 32)])
def test_padding_repeats_the_last_row_and_column(height, width):
    pixels = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)
    padded = pad_to_multiple(pixels, 16)
    rows = torch.arange(padded.shape[-2]).clamp(max=height - 1)
    columns = torch.arange(padded.shape[-1]).clamp(max=width - 1)
    assert padded.shape[-2] % 16 == padded.shape[-1] % 16 == 0
    assert padded.shape[-2] - height < 16
    assert padded.shape[-1] - width < 16
    assert torch.equal(padded, pixels[:, :, rows[:, None], columns].float())


def test_pictures_that_fit_are_not_copied():
    pixels = torch.zeros(1, 3, 32, 48, dtype=torch.uint8)
    assert pad_to_multiple(pixels, 16) is pixels


def test_laying_kernels_out_channels_last_changes_no_number(tiny):
    pixels = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        before = tiny(pixels)
        assert to_channels_last(tiny) is tiny
        torch.testing.assert_close(tiny(pixels), before, rtol=1e-4, atol=1e-6)
