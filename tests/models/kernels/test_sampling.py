"""Deformable sampling against grid_sample: inside, across the edges, far outside, with extreme weights."""

import pytest
import torch

from models.decoder import attend_points

LIMIT = {torch.float32: 1e-4, torch.float16: 5e-3}


def check(place, dtype=torch.float32, shape=(2, 12, 5, 7), heads=2, points=3, reach=3.0, sharp=1.0):
    from models.kernels.sampling import deformable_sample

    batch, height, width = shape[0], *shape[2:]
    value = torch.randn(shape).to(place, dtype)
    offsets = (torch.randn(batch, heads, points, 2, height, width) * reach).to(place, dtype)
    logits = (torch.randn(batch, heads, points, height, width) * sharp).to(place, dtype)
    found = deformable_sample(value, offsets, logits)
    expected = attend_points(value.float().cpu(), offsets.cpu(), logits.cpu())
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.float().cpu(), expected, rtol=LIMIT[dtype], atol=LIMIT[dtype])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_it_samples_as_grid_sample_does(place, dtype):
    check(place, dtype)


@pytest.mark.parametrize("reach", [0.0, 0.3, 40.0, 3e6], ids=str)
def test_points_on_the_map_across_its_edge_and_far_outside(place, reach):
    check(place, reach=reach, shape=(1, 4, 3, 4))


def test_weights_that_overflow_an_exponential_are_shared_out(place):
    check(place, sharp=300.0, shape=(1, 4, 3, 4))


@pytest.mark.parametrize(
    ("shape", "heads", "points"), [((1, 3, 1, 1), 3, 1), ((1, 14, 2, 33), 2, 5)], ids=str
)
def test_odd_numbers_of_channels_heads_points_and_positions(place, shape, heads, points):
    check(place, shape=shape, heads=heads, points=points)


def test_offsets_of_whole_pixels_read_neighbours(place):
    from models.kernels.sampling import deformable_sample

    value = torch.arange(12.0, device=place).view(1, 1, 3, 4)
    offsets = torch.zeros(1, 1, 1, 2, 3, 4, device=place)
    offsets[:, :, :, 0] = 1.0
    found = deformable_sample(value, offsets, torch.zeros(1, 1, 1, 3, 4, device=place))
    assert found[0, 0].tolist() == [[1, 2, 3, 0], [5, 6, 7, 0], [9, 10, 11, 0]]
