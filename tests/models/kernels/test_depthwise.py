"""Depthwise convolution against PyTorch's: every kernel and stride of the stems, odd shapes, any layout."""

import pytest
import torch
from torch.nn import functional as fn

DTYPES = [torch.float32, torch.float16]
LIMIT = {torch.float32: 1e-5, torch.float16: 1e-2}


def check(place, dtype, shape, kernel, stride, has_bias=True, layout=torch.channels_last):
    from models.kernels.depthwise import depthwise_conv

    x = torch.randn(shape).to(place, dtype).contiguous(memory_format=layout)
    weight = torch.randn(shape[1], 1, kernel, kernel).to(place, dtype)
    bias = torch.randn(shape[1]).to(place, dtype) if has_bias else None
    found = depthwise_conv(x, weight, bias, stride)
    wide = x.float().cpu(), weight.float().cpu(), None if bias is None else bias.float().cpu()
    expected = fn.conv2d(*wide, stride, (kernel - 1) // 2, groups=shape[1])
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.float().cpu(), expected, rtol=LIMIT[dtype], atol=LIMIT[dtype])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_it_filters_as_pytorch_does(place, dtype, kernel, stride):
    check(place, dtype, (1, 5, 5, 8), kernel, stride)


@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_may_be_less_before_than_after(place, kernel):
    from models.kernels.depthwise import depthwise_conv

    x, weight = torch.randn(1, 4, 4, 6), torch.randn(4, 1, kernel, kernel)
    found = depthwise_conv(x.to(place), weight.to(place), None, 2, kernel // 2 - 1).cpu()
    before, after = kernel // 2 - 1, kernel // 2
    expected = fn.conv2d(fn.pad(x, (before, after, before, after)), weight, None, 2, groups=4)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_several_pictures_blocks_of_columns_and_of_channels_do_not_mix(place):
    check(place, torch.float32, (2, 70, 2, 19), 3, 1)


def test_maps_smaller_than_the_kernel_are_padded(place):
    check(place, torch.float32, (1, 3, 1, 1), 5, 1)
    check(place, torch.float32, (1, 3, 1, 3), 5, 2)


def test_without_a_bias_and_in_another_layout_it_is_the_same(place):
    check(place, torch.float32, (2, 6, 3, 4), 3, 1, has_bias=False, layout=torch.contiguous_format)


def test_what_is_beside_the_map_does_not_leak_in(place):
    from models.kernels.depthwise import depthwise_conv

    whole = torch.full((1, 4, 6, 6), torch.nan, device=place).contiguous(memory_format=torch.channels_last)
    whole[..., 1:5, 1:5] = 1.0
    found = depthwise_conv(whole[..., 1:5, 1:5], torch.ones(4, 1, 3, 3, device=place))
    assert found[0, 0].tolist() == [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
