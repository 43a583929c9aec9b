"""Four scans of a map by one kernel against PyTorch's cross-scan, recurrence and cross-merge."""

import pytest
import torch
from torch.nn import functional as fn

from models.scan import cross_merge, cross_scan, grouped_scan, ssd_scan

# The interpreter counts a loop with arrays of one number.
pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")

STEPS = 8
"""Of a piece here: the interpreter goes step by step, and small maps have several pieces."""

LIMIT = {torch.float32: 2e-5, torch.float16: 2e-2}


@pytest.fixture(autouse=True)
def _short_pieces(place, monkeypatch):
    from models.kernels import scanning

    monkeypatch.setattr(scanning, "STEPS", STEPS)


def in_reading_order(values, height, width):
    """(B, 4, L, K) at positions row by row, to the order in which each reading comes to them."""
    readings = []
    for direction in range(4):
        one = torch.unflatten(values[:, direction], 1, (height, width))
        one = (one.transpose(1, 2) if direction % 2 else one).flatten(1, 2)
        readings.append(one.flip(1) if direction > 1 else one)
    return torch.stack(readings, 1)


def inputs(shape, states, dtype=torch.float32, steps=-2.0):
    batch, channels, height, width = shape
    length = height * width
    return {
        "u": torch.randn(batch, length, channels).to(dtype),
        "delta": torch.randn(batch, 4, length, channels) + steps,
        "A": -torch.rand(4, channels, states) * 3,
        "B": torch.randn(batch, 4, length, states).to(dtype),
        "C": torch.randn(batch, 4, length, states).to(dtype),
        "D": torch.randn(4, channels),
    }


def reference(given, height, width):
    u = torch.unflatten(given["u"].float(), 1, (height, width)).permute(0, 3, 1, 2)
    delta, B, C = (in_reading_order(given[name].float(), height, width) for name in ("delta", "B", "C"))
    y = grouped_scan(cross_scan(u), delta, given["A"], B, C, given["D"])
    return cross_merge(y, height, width).permute(0, 2, 3, 1).flatten(1, 2)


def check(place, shape, states, dtype=torch.float32, steps=-2.0):
    from models.kernels.scanning import scan_map

    height, width = shape[2:]
    given = inputs(shape, states, dtype, steps)
    found = scan_map(**{name: part.to(place) for name, part in given.items()}, width=width)
    assert found.dtype == dtype
    limit = LIMIT[dtype]
    torch.testing.assert_close(found.float().cpu(), reference(given, height, width), rtol=limit, atol=limit)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("states", [1, 3])
def test_it_scans_as_pytorch_does(place, dtype, states):
    check(place, (1, 10, 3, 5), states, dtype)


@pytest.mark.parametrize("length", [STEPS - 1, STEPS, STEPS + 1, 3 * STEPS])
def test_a_state_is_carried_from_piece_to_piece(place, length):
    check(place, (1, 2, 1, length), 1, steps=-6.0)


def test_several_pictures_do_not_mix(place):
    check(place, (2, 3, 2, 2), 1)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 3, 1, 6), (1, 3, 6, 1)], ids=str)
def test_maps_of_one_pixel_row_or_column(place, shape):
    check(place, shape, 1)


@pytest.mark.parametrize("steps", [-30.0, 30.0])
def test_steps_of_no_length_and_very_long_ones(place, steps):
    check(place, (1, 3, 3, 3), 1, steps=steps)


def test_the_softplus_is_exact_where_steps_are_short(place):
    from models.kernels.scanning import scan_map

    delta = torch.linspace(-20, 25, 64).view(1, 1, 64, 1).expand(1, 4, 64, 1)
    one = torch.ones(1, 4, 64, 1)
    # Without a memory the sum of the four readings is four times the step.
    given = torch.ones(1, 64, 1), delta, torch.full((4, 1, 1), -1e30), one, one, torch.zeros(4, 1)
    found = scan_map(*(part.to(place) for part in given), width=8).cpu().flatten()
    expected = 4 * fn.softplus(delta[0, 0, :, 0].double()).float()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_the_dual_form_of_mamba_2_is_the_same_with_shared_steps_and_decays(place):
    from models.kernels.scanning import scan_map

    heads, each, states, height, width = 2, 3, 2, 2, 3
    given = inputs((1, heads * each, height, width), states)
    step, rates = torch.randn(1, 4, height * width, heads), -torch.rand(4, heads) * 4
    given["delta"] = step.repeat_interleave(each, -1)
    given["A"] = rates.repeat_interleave(each, -1)[..., None].expand(-1, -1, states)
    found = scan_map(**{name: part.to(place) for name, part in given.items()}, width=width)
    u = torch.unflatten(given["u"], 1, (height, width)).permute(0, 3, 1, 2)
    sequences = cross_scan(u)[0]
    step, B, C = (in_reading_order(part, height, width)[0] for part in (step, given["B"], given["C"]))
    y = ssd_scan(
        torch.unflatten(sequences, -1, (heads, each)), fn.softplus(step), rates[:, None], B, C, segment=4
    )
    y = y.flatten(-2) + given["D"][:, None] * sequences
    expected = cross_merge(y[None], height, width).permute(0, 2, 3, 1).flatten(1, 2)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)
