import sys
import types

import pytest
import torch
from torch.nn import functional as fn

from models.scan import (
    choose_backend,
    cross_merge,
    cross_scan,
    linear_scan,
    linear_scan_levels,
    linear_scan_loop,
    selective_scan,
    selective_scan_loop,
    ssd_scan,
)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 31, 64, 100])
def test_the_pairwise_recurrence_equals_the_loop(length):
    a, b = torch.rand(2, 3, length, 5), torch.randn(2, 3, length, 5)
    torch.testing.assert_close(linear_scan(a, b), linear_scan_loop(a, b), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 5, 8, 13])
def test_the_gradient_of_the_recurrence_passes_gradcheck(length):
    a = torch.rand(2, length, 3, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, length, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(linear_scan, (a, b))


def test_a_long_scan_that_hardly_decays_stays_exact():
    a, b = torch.full((1, 5000, 2), 0.9999), torch.randn(1, 5000, 2)
    expected = linear_scan_loop(a.double(), b.double())
    torch.testing.assert_close(linear_scan(a, b).double(), expected, rtol=1e-4, atol=1e-3)


def _scan_inputs(groups, states, dtype=torch.float32):
    channels, length = 6, 37
    return {
        "u": torch.randn(2, channels, length, dtype=dtype),
        "delta": torch.randn(2, channels, length, dtype=dtype),
        "A": -torch.rand(channels, states, dtype=dtype) * 3,
        "B": torch.randn(2, groups, states, length, dtype=dtype),
        "C": torch.randn(2, groups, states, length, dtype=dtype),
        "D": torch.randn(channels, dtype=dtype),
        "delta_bias": torch.randn(channels, dtype=dtype),
    }


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("states", [1, 4])
def test_the_selective_scan_equals_the_loop_with_contiguous_groups(groups, states):
    inputs = _scan_inputs(groups, states)
    torch.testing.assert_close(selective_scan(**inputs), selective_scan_loop(**inputs), rtol=1e-5, atol=1e-5)


def test_the_selective_scan_takes_ungrouped_b_and_c():
    inputs = _scan_inputs(1, 3)
    flat = {**inputs, "B": inputs["B"][:, 0], "C": inputs["C"][:, 0]}
    torch.testing.assert_close(selective_scan(**flat), selective_scan_loop(**inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("states", [1, 2])
def test_gradients_reach_every_input_of_the_selective_scan(states):
    inputs = _scan_inputs(2, states, torch.float64)
    tensors = [value[..., :5].contiguous() if value.dim() > 2 else value for value in inputs.values()]
    tensors = [tensor.requires_grad_() for tensor in tensors]
    assert torch.autograd.gradcheck(selective_scan, tensors)


def test_half_precision_inputs_are_scanned_in_float32():
    inputs = _scan_inputs(2, 1)
    low = {k: v.bfloat16() if k in ("u", "delta") else v for k, v in inputs.items()}
    out = selective_scan(**low)
    assert out.dtype == torch.bfloat16
    wide = {k: v.float() for k, v in low.items()}
    torch.testing.assert_close(out, selective_scan_loop(**wide).bfloat16(), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("length", [1, 15, 16, 40])
def test_ssd_by_matrix_products_equals_the_loop(length):
    batch, heads, width, states = 2, 3, 4, 5
    x = torch.randn(batch, length, heads, width, dtype=torch.float64)
    step = torch.rand(batch, length, heads, dtype=torch.float64)
    A = -torch.rand(heads, dtype=torch.float64) * 4
    B, C = (torch.randn(batch, length, states, dtype=torch.float64) for _ in range(2))
    h = torch.zeros(batch, heads, states, width, dtype=torch.float64)
    expected = []
    for t in range(length):
        inflow = (step[:, t, :, None] * x[:, t])[:, :, None] * B[:, t, None, :, None]
        h = torch.exp(step[:, t] * A)[..., None, None] * h + inflow
        expected.append((h * C[:, t, None, :, None]).sum(2))
    torch.testing.assert_close(ssd_scan(x, step, A, B, C, segment=16), torch.stack(expected, 1))


def test_ssd_is_the_selective_scan_when_a_head_shares_one_decay():
    length, width, states = 50, 6, 3
    u, step = torch.randn(1, width, length), torch.randn(1, 1, length)
    A, B, C = -torch.rand(1), torch.randn(1, 1, states, length), torch.randn(1, 1, states, length)
    s6 = selective_scan(u, step.expand(1, width, length), A.expand(width, states), B, C, torch.zeros(width))
    ssd = ssd_scan(
        u.transpose(1, 2)[:, :, None], fn.softplus(step).transpose(1, 2), A,
        B[:, 0].transpose(1, 2), C[:, 0].transpose(1, 2), segment=16,
    )  # fmt: skip
    torch.testing.assert_close(ssd[:, :, 0].transpose(1, 2), s6, rtol=1e-4, atol=1e-5)


def test_the_four_readings_are_rows_columns_and_both_reversed():
    x = torch.arange(6.0).view(1, 1, 2, 3)
    rows, columns, rows_back, columns_back = cross_scan(x)[0, :, :, 0].tolist()
    assert rows == [0, 1, 2, 3, 4, 5]
    assert columns == [0, 3, 1, 4, 2, 5]
    assert rows_back == rows[::-1]
    assert columns_back == columns[::-1]


def test_merging_what_was_scanned_gives_four_times_the_map():
    x = torch.randn(2, 3, 5, 7)
    torch.testing.assert_close(cross_merge(cross_scan(x), 5, 7), 4 * x)


def test_a_cpu_always_scans_with_pytorch():
    assert choose_backend(torch.device("cpu")) == "torch"


@pytest.mark.gpu
def test_the_cuda_scan_equals_the_cpu_scan():
    inputs = _scan_inputs(2, 4)
    there = {k: v.cuda() for k, v in inputs.items()}
    backend = choose_backend(torch.device("cuda"))
    out = selective_scan(**there, backend=backend).cpu()
    torch.testing.assert_close(out, selective_scan_loop(**inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("states", [1, 3])
def test_the_mamba_backend_gets_and_returns_the_same_scan_in_its_own_layout(monkeypatch, states):
    def kernel(u, delta, A, B, C, D, z, delta_bias, delta_softplus):
        assert (z, delta_bias, delta_softplus) == (None, None, True)
        assert all(tensor.is_contiguous() for tensor in (u, delta, A, B, C))
        return selective_scan_loop(u, delta, A, B, C, D)

    name = "mamba_ssm.ops.selective_scan_interface"
    for parent in ("mamba_ssm", "mamba_ssm.ops"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    module = types.ModuleType(name)
    module.selective_scan_fn = kernel
    monkeypatch.setitem(sys.modules, name, module)
    inputs = _scan_inputs(3, states)
    out = selective_scan(**inputs, backend="mamba_ssm")
    torch.testing.assert_close(out, selective_scan(**inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 31, 64, 100, 128])
def test_the_recurrence_by_a_fixed_number_of_levels_equals_the_loop(length):
    a, b = torch.rand(2, 3, length, 5), torch.randn(2, 3, length, 5)
    expected = linear_scan_loop(a, b)
    torch.testing.assert_close(linear_scan_levels(a, b, 7), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(linear_scan_levels(a, b), expected, rtol=1e-5, atol=1e-5)


def test_more_levels_than_are_needed_change_no_bit():
    a, b = torch.rand(1, 37, 4), torch.randn(1, 37, 4)
    assert torch.equal(linear_scan_levels(a, b, 6), linear_scan_levels(a, b, 16))


@pytest.mark.parametrize("states", [1, 3])
def test_the_selective_scan_is_the_same_by_levels(states):
    inputs = _scan_inputs(2, states)
    torch.testing.assert_close(
        selective_scan(**inputs, backend="levels"), selective_scan(**inputs), rtol=1e-5, atol=1e-5
    )
