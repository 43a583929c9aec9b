"""The student as a graph: the same numbers, for all sizes, from one recording."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.exporting import (
    ChannelsLastGroupNorm,
    check_exportable,
    exportable,
    longest_px,
    noise_of,
    record,
    saliency_of,
)
from models.presets import preset
from models.sgddiff import SGDDiff


def network_of(**changes):
    torch.manual_seed(1)
    config = preset("tiny")
    changed = {name: replace(getattr(config, name), **values) for name, values in changes.items()}
    return SGDDiff(replace(config, **changed)).eval()


KINDS = {
    "as it ships": {},
    "several steps and trajectories": {"diffusion": {"steps": 2, "trajectories": 2}},
    "several states, gated, layer norms": {
        "encoder": {"d_state": 2, "expand": 2, "gated": True, "norm": "layernorm"}
    },
    "no carried state": {"encoder": {"carry_state": False}},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_one_recording_has_the_networks_numbers_for_all_sizes(kind):
    network = network_of(**KINDS[kind])
    multiple = network.config.multiple_px
    origins = torch.tensor([[136, 24]])

    def given(height, width):
        pixels = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8)
        stride = network.config.stride
        return pixels, noise_of(network, network.noise_field, origins, height // stride, width // stride)

    sizes = [(4, 4), (1, 1), (3, 7), (8, 2)]
    examples = [given(a * multiple, b * multiple) for a, b in sizes]
    with torch.inference_mode():
        expected = [network(pixels, origins) for pixels, _ in examples]
        recorded = record(exportable(network), examples[0])
        for example, whole in zip(examples, expected, strict=True):
            torch.testing.assert_close(saliency_of(recorded(*example)), whole, rtol=1e-4, atol=1e-5)


def test_the_stem_has_plain_1x1_convolutions_afterwards():
    network = SGDDiff(preset("student")).eval()
    exportable(network)
    expand = network.stem.blocks[1].expand
    assert isinstance(expand, torch.nn.Conv2d)
    assert (expand.kernel_size, expand.dilation) == ((1, 1), (1, 1))
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_scan_by_segments_and_tiles_beyond_the_levels_are_refused():
    with pytest.raises(ValueError, match="'ssd', and only 's6'"):
        check_exportable("ssd", 8)
    check_exportable("s6", 8, 2048)
    with pytest.raises(ValueError, match="at most 2048 px"):
        check_exportable("s6", 8, 2080)
    assert longest_px(16) == 4096


@pytest.mark.parametrize(("groups", "channels"), [(8, 24), (1, 5), (6, 6)])
def test_a_group_norm_by_means_has_the_numbers_of_pytorchs(groups, channels):
    torch.manual_seed(0)
    norm = torch.nn.GroupNorm(groups, channels)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = 3 * torch.randn(2, channels, 7, 9) + 50
    torch.testing.assert_close(ChannelsLastGroupNorm(norm)(x), norm(x), rtol=1e-4, atol=1e-4)


def test_no_group_norm_of_pytorch_is_left_in_what_is_recorded():
    network = exportable(SGDDiff(preset("student-fine")).eval())
    assert not [part for part in network.modules() if isinstance(part, torch.nn.GroupNorm)]
    assert [part for part in network.modules() if isinstance(part, ChannelsLastGroupNorm)]
