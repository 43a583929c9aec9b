import math

import pytest
import torch

from models.config import DecoderConfig
from models.decoder import (
    DecoderLayer,
    DeformableAttention,
    DeformableDecoder,
    RefineHead,
    compass_offsets,
    sample_points,
)


def _bilinear(plane, x, y):
    """The value at (x, y), pixel centres at half integers, zero outside."""
    height, width = plane.shape[-2:]
    x0, y0 = math.floor(x - 0.5), math.floor(y - 0.5)
    out = torch.zeros(plane.shape[0])
    for row, weight_y in ((y0, y0 + 1.5 - y), (y0 + 1, y - 0.5 - y0)):
        for column, weight_x in ((x0, x0 + 1.5 - x), (x0 + 1, x - 0.5 - x0)):
            if 0 <= row < height and 0 <= column < width:
                out = out + plane[:, row, column] * weight_x * weight_y
    return out


def test_sampling_equals_a_loop_over_points():
    batch, heads, points, height, width, channels = 1, 2, 3, 4, 5, 2
    value = torch.randn(batch * heads, channels, height, width)
    offsets = torch.randn(batch, heads, points, 2, height, width) * 2
    weights = torch.rand(batch, heads, points, height, width).softmax(2)
    expected = torch.zeros(batch * heads, channels, height, width)
    for head in range(heads):
        for row in range(height):
            for column in range(width):
                for point in range(points):
                    dx, dy = offsets[0, head, point, :, row, column].tolist()
                    sample = _bilinear(value[head], column + 0.5 + dx, row + 0.5 + dy)
                    expected[head, :, row, column] += weights[0, head, point, row, column] * sample
    torch.testing.assert_close(sample_points(value, offsets, weights), expected, rtol=1e-4, atol=1e-5)


def test_offsets_start_as_compass_directions_times_one_to_points():
    offsets = compass_offsets(8, 4)
    assert offsets[0].tolist() == [[1, 0], [2, 0], [3, 0], [4, 0]]
    torch.testing.assert_close(offsets[:, 0].abs().amax(-1), torch.ones(8))
    torch.testing.assert_close(offsets[1, 1], torch.tensor([2.0, 2.0]))


def test_fresh_attention_looks_in_all_directions_alike():
    layer = DeformableAttention(16, 8, 2)
    x = torch.randn(1, 16, 9, 9)
    offsets = layer.offsets(x).unflatten(1, (8, 2, 2))
    torch.testing.assert_close(offsets[0, :, :, :, 4, 4], compass_offsets(8, 2))
    assert torch.equal(layer.weights(x), torch.zeros(1, 16, 9, 9))


def test_a_layer_is_shifted_by_the_time_after_its_last_norm():
    layer = DecoderLayer(DecoderConfig(dim=16, heads=2, points=2, feedforward=32))
    x, time = torch.randn(2, 16, 4, 4), torch.randn(2, 16)
    torch.nn.init.normal_(layer.time.weight)
    attended = x + layer.attention(layer.norm_attention(x))
    scale, shift = layer.time(time)[:, :, None, None].chunk(2, 1)
    expected = attended + layer.feedforward((1 + scale) * layer.norm_feedforward(attended) + shift)
    torch.testing.assert_close(layer(x, time), expected)


def test_the_decoder_returns_the_features_of_all_six_layers():
    decoder = DeformableDecoder(DecoderConfig(dim=16, heads=2, points=2, feedforward=32))
    features, logits = decoder(torch.randn(2, 16, 5, 4), torch.randn(2, 16))
    assert [tuple(f.shape) for f in features] == [(2, 16, 5, 4)] * 6
    assert logits.shape == (2, 2, 5, 4)


@pytest.mark.parametrize("stride", [4, 8])
def test_the_refining_head_ends_at_stride_two(stride):
    head = RefineHead(16, (16, 8), {2: 4, 4: 6}, stride)
    stem = {2: torch.randn(1, 4, 32, 32), 4: torch.randn(1, 6, 16, 16)}
    assert head(torch.randn(1, 16, 64 // stride, 64 // stride), stem).shape == (1, 1, 32, 32)
