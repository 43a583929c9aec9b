"""A network replayed: used where it gives the network's bytes, for each size of tile by itself."""

from __future__ import annotations

import logging

import pytest
import torch

from models.graphs import MOST_GRAPHS, GraphedNetwork, capture_graph, noise_like
from models.predictor import CodesOf, prepare_network
from tests.kit.devices import place_codes


def batch(size=16, seed=0):
    return noise_like(torch.empty(4, 3, size, size, dtype=torch.uint8), seed)


def faithful(network, *_):
    return network


def test_a_replay_with_the_networks_bytes_is_used():
    replayed = []

    def capture(network, tiles, origins):
        return lambda *given: replayed.append(given) or network(*given)

    graphed = GraphedNetwork(place_codes, capture)
    tiles, origins = batch(seed=5)
    assert torch.equal(graphed(tiles, origins), place_codes(tiles, origins))
    assert replayed[-1] == (tiles, origins)
    assert graphed.is_replayed(tiles.shape)


def test_a_replay_that_does_not_read_what_it_is_given_is_not_used(caplog):
    def capture(network, tiles, origins):
        frozen = network(tiles, origins)
        return lambda *_: frozen

    graphed = GraphedNetwork(place_codes, capture)
    tiles, origins = batch(seed=5)
    assert torch.equal(graphed(tiles, origins), place_codes(tiles, origins))
    assert not graphed.is_replayed(tiles.shape)
    assert "its bytes differ" in caplog.text


def test_a_replay_that_differs_by_one_code_is_not_used():
    def capture(network, *_):
        def replay(tiles, origins):
            codes = network(tiles, origins).clone()
            codes[0, 0, 0] ^= 1
            return codes

        return replay

    graphed = GraphedNetwork(place_codes, capture)
    assert torch.equal(graphed(*batch()), place_codes(*batch()))


def test_a_capture_that_fails_is_told_once_and_the_network_runs_call_by_call(caplog):
    tries = []

    def capture(*given):
        tries.append(given)
        raise RuntimeError("Cannot copy between CPU and CUDA tensors\nand more")

    graphed = GraphedNetwork(place_codes, capture)
    with caplog.at_level(logging.WARNING):
        for seed in range(3):
            assert torch.equal(graphed(*batch(seed=seed)), place_codes(*batch(seed=seed)))
    assert len(tries) == 1
    assert [record.message for record in caplog.records] == [
        "tiles of 16 x 16 px run without a graph: Cannot copy between CPU and CUDA tensors"
    ]


def test_each_size_of_tile_has_a_replay_up_to_a_limit():
    graphed = GraphedNetwork(place_codes, faithful)
    sizes = range(8, 8 + MOST_GRAPHS + 2)
    for size in sizes:
        assert torch.equal(graphed(*batch(size)), place_codes(*batch(size)))
    assert [graphed.is_replayed(batch(size)[0].shape) for size in sizes] == [True] * MOST_GRAPHS + [False] * 2


def test_the_noise_that_a_replay_is_tried_with_ends_in_a_black_tile():
    tiles, origins = batch()
    assert tiles[:-1].float().std() > 50
    assert not tiles[-1].any()
    assert not origins[-1].any()
    assert not torch.equal(tiles, batch(seed=1)[0])


@pytest.mark.gpu
def test_the_network_is_captured_and_its_replay_has_its_bytes(tiny):
    cuda = torch.device("cuda")
    codes = CodesOf(prepare_network(tiny, cuda))
    stream = torch.cuda.Stream(cuda)
    with torch.inference_mode(), torch.cuda.stream(stream):
        replay = capture_graph(
            codes, *noise_like(torch.empty(4, 3, 64, 64, dtype=torch.uint8, device=cuda), 0)
        )
        for seed in range(3):
            given = noise_like(torch.empty(4, 3, 64, 64, dtype=torch.uint8, device=cuda), seed)
            assert torch.equal(replay(*given), codes(*given))
