"""The denoising U-Net: features and a noised code in, guided features out."""

import pytest
import torch

from models.denoiser import Bottleneck, DenoisingUNet


def test_the_unet_returns_to_the_finest_stride_from_odd_sizes():
    unet = DenoisingUNet((16, 24, 32), (8, 12, 16), 4, 20, "dyt")
    sizes = [(8, 11, 9), (12, 6, 5), (16, 3, 3)]
    features = [torch.randn(2, c, h, w) for c, h, w in sizes]
    assert unet(features, torch.randn(2, 4, 11, 9)).shape == (2, 20, 11, 9)


SIZES = [(8, 12, 8), (12, 6, 4), (16, 3, 2)]


def _unet():
    return DenoisingUNet((16, 24, 32), (8, 12, 16), 4, 20, "dyt").eval()


def _features(count=1):
    return [torch.randn(count, *size) for size in SIZES]


def test_every_map_and_the_code_have_a_part_in_the_answer():
    inputs = [*_features(), torch.randn(1, 4, 12, 8)]
    for each in inputs:
        each.requires_grad_()
    _unet()(inputs[:3], inputs[3]).square().sum().backward()
    assert all(float(each.grad.abs().sum()) > 0 for each in inputs)


def test_a_picture_is_guided_alike_alone_and_in_a_batch():
    unet, features, code = _unet(), _features(3), torch.randn(3, 4, 12, 8)
    with torch.no_grad():
        together = unet(features, code)
        alone = unet([each[1:2] for each in features], code[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


def test_as_many_maps_are_needed_as_there_are_levels():
    with pytest.raises(ValueError, match="zip"):
        _unet()(_features()[:2], torch.randn(1, 4, 12, 8))
    with pytest.raises(ValueError, match="zip"):
        DenoisingUNet((16, 24), (8, 12, 16), 4, 20, "dyt")


@torch.no_grad()
def test_a_bottleneck_whose_branches_say_nothing_hands_on_its_input():
    bottleneck, x = Bottleneck(16, "dyt").eval(), torch.randn(1, 16, 5, 3)
    assert bottleneck(x).shape == x.shape
    assert not torch.allclose(bottleneck(x), x)
    for parameter in bottleneck.parameters():
        parameter.zero_()
    assert torch.equal(bottleneck(x), x)
