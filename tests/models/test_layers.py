import pytest
import torch
from torch.nn import functional as fn

from models.layers import GDB, ChannelLayerNorm, DropPath, DyT, LiteMLA, Pointwise, relu_linear_attention


def test_dyt_is_gamma_tanh_alpha_x_plus_beta_with_one_alpha():
    layer = DyT(3)
    assert layer.alpha.shape == ()
    assert layer.alpha.item() == 0.5
    with torch.no_grad():
        layer.gamma.copy_(torch.tensor([1.0, 2.0, 3.0]))
        layer.beta.copy_(torch.tensor([0.0, 1.0, -1.0]))
    x = torch.randn(2, 3, 4, 5)
    expected = torch.stack(
        [g * torch.tanh(0.5 * x[:, i]) + b for i, (g, b) in enumerate([(1, 0), (2, 1), (3, -1)])], 1
    )
    torch.testing.assert_close(layer(x), expected)


def test_dyt_takes_its_tanh_in_float32_under_autocast():
    layer, x = DyT(4), torch.randn(1, 4, 3, 3).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out, layer(x.float()).bfloat16())


def test_channel_layernorm_normalises_over_channels():
    out = ChannelLayerNorm(8)(torch.randn(2, 8, 3, 3) * 5 + 2)
    torch.testing.assert_close(out.mean(1), torch.zeros(2, 3, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("groups", [1, 4])
def test_a_pointwise_convolution_is_a_matrix_product_a_pixel(groups):
    layer, x = Pointwise(8, 12, groups=groups), torch.randn(2, 8, 5, 6)
    expected = fn.conv2d(x, layer.weight, layer.bias, groups=groups)
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer._products(x), expected)
    torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last)), expected)


@pytest.mark.parametrize("groups", [1, 8])
def test_gradients_of_a_pointwise_convolution_in_bfloat16_are_near_those_in_float32(groups):
    layer, x = Pointwise(64, 64, groups=groups), torch.randn(4, 64, 48, 48)
    wanted = torch.randn(4, 64, 48, 48)
    gradients = []
    for rough in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=rough):
            out = layer(x.contiguous(memory_format=torch.channels_last))
        (out.float() * wanted).mean().backward()
        gradients.append(layer.weight.grad.clone())
    exact, found = gradients
    assert (found - exact).abs().max() < 0.02 * exact.abs().max()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_linear_attention_equals_the_quadratic_formula(layout):
    heads, dim, height, width = 2, 4, 3, 5
    qkv = torch.randn(2, heads * 3 * dim, height, width)
    q, k, v = qkv.view(2, heads, 3, dim, height * width).unbind(2)
    affinity = fn.relu(q).transpose(-1, -2) @ fn.relu(k)
    expected = affinity @ v.transpose(-1, -2) / (affinity.sum(-1, keepdim=True) + 1e-6)
    expected = expected.transpose(-1, -2).reshape(2, heads * dim, height, width)
    out = relu_linear_attention(qkv.contiguous(memory_format=layout), dim, 1e-6)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_linear_attention_of_queries_that_are_all_negative_is_zero_not_nan():
    out = relu_linear_attention(-torch.ones(1, 12, 2, 2), 4, 1e-6)
    assert torch.equal(out, torch.zeros(1, 4, 2, 2))


def test_linear_attention_sums_in_float32_where_half_precision_overflows():
    qkv = torch.full((1, 12, 64, 64), 40.0, dtype=torch.float16)
    torch.testing.assert_close(relu_linear_attention(qkv, 4, 1e-6), torch.full((1, 4, 64, 64), 40.0))


@pytest.mark.parametrize("scales", [(), (3,), (3, 5)])
def test_litemla_keeps_the_shape_at_any_number_of_scales(scales):
    assert LiteMLA(16, 8, scales)(torch.randn(2, 16, 6, 5)).shape == (2, 16, 6, 5)


def test_gdb_gates_three_branches_by_their_sum_and_adds_its_input():
    block, x = GDB(16), torch.randn(2, 16, 6, 5)
    q, k, v = (branch(x) for branch in block.branches)
    gate = torch.sigmoid(q + k + v)
    expected = x + block.project(torch.cat([q * gate, k * gate, v * gate], 1))
    assert block(x).shape == x.shape
    torch.testing.assert_close(block(x), expected)
    assert [branch[0].kernel_size[0] for branch in block.branches] == [3, 5, 3]


def test_droppath_drops_whole_pictures_in_training_only():
    layer, x = DropPath(0.5), torch.ones(64, 2, 3, 3)
    out = layer(x)
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(out, out[:, :1, :1, :1].expand_as(out))
    assert torch.equal(layer.eval()(x), x)
